"""The one simulator of sessions, and its writers: with pynwb, every optional column switchable, and with h5py alone.

``make_session`` simulates units; ``write_nwb`` writes them with pynwb to HDF5 or Zarr; ``write_bare_nwb`` writes a
units table with h5py alone, as it is told, so that files can be malformed, old or in an archive's own dialect.
`helpers.bare_nwb` has the smallest sessions and files, `helpers.made_units` units in memory; both are made here.

>>> session = make_session(n_units=3)
>>> path = write_nwb(tmp_path / "a.nwb", session, waveforms="all", obs_intervals=False)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import h5py
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Bare", "Session", "biphasic", "make_session", "write_bare_nwb", "write_nwb", "write_nwbfile"]

KINDS = ("sua", "mua", "noise")


@dataclass(frozen=True, kw_only=True)
class Session:
    """Simulated units and the electrodes they were recorded on.

    ``waveforms_uv`` has shape (n_units, n_samples, n_channels), µV, on all channels; ``nearest`` (n_units, 6) names the
    channels around each unit; ``kinds`` is what each unit was simulated to be.
    """

    unit_ids: NDArray[np.int64]
    kinds: NDArray[np.str_]
    spike_times_s: list[NDArray[np.float64]]
    waveforms_uv: NDArray[np.float64]
    nearest: NDArray[np.int64]
    positions_um: NDArray[np.float64]
    sampling_rate_hz: float
    duration_s: float
    n_before: int

    def __len__(self) -> int:
        return len(self.unit_ids)


def biphasic(n_samples: int = 61, *, at: int = 20, size: float = 100.0) -> NDArray[np.float64]:
    """A spike at 30 kHz: a trough of depth `size` at sample `at` and a broader peak after it."""
    time = np.arange(n_samples) - at
    return size * (-np.exp(-((time / 4.0) ** 2)) + 0.4 * np.exp(-(((time - 14) / 8.0) ** 2)))


def make_session(
    *,
    n_units: int = 6,
    n_channels: int = 16,
    duration_s: float = 60.0,
    rate_hz: float = 8.0,
    n_spikes: Sequence[int] | None = None,
    seed: int = 0,
) -> Session:
    """Simulate units: sua, mua and noise in turn, spike times on the sampling grid of 30 kHz.

    Single units keep 3 ms between spikes; multi-units are plain Poisson trains with waveforms half as large; noise has
    a slow sine of the same size on every channel. `n_spikes` draws this many spikes for each unit, instead of a number
    around `rate_hz`; a single unit keeps those that are 3 ms apart.
    """
    rng = np.random.default_rng(seed)
    fs, n_samples, n_before = 30_000.0, 60, 20
    positions = np.stack([np.arange(n_channels) % 2 * 32.0, np.arange(n_channels) // 2 * 20.0], axis=1)
    kinds = np.array([KINDS[i % 3] for i in range(n_units)])
    spike = biphasic(n_samples, at=n_before, size=1.0)
    sine = np.sin(2 * np.pi * np.linspace(0, 1, n_samples))
    counts = np.maximum(2, rng.poisson(rate_hz * duration_s, n_units)) if n_spikes is None else np.asarray(n_spikes)
    trains, waveforms, nearest = [], [], []
    for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
        samples = np.unique(rng.integers(0, int(duration_s * fs), count))
        if kind == "sua":
            samples = samples[np.diff(samples, prepend=-1000) >= 0.003 * fs]
        trains.append(samples / fs)
        center = positions[rng.integers(n_channels)] + rng.normal(0, 3, 2)
        distance = np.linalg.norm(positions - center, axis=1)
        size = {"sua": 150.0, "mua": 60.0, "noise": 30.0}[kind] * rng.uniform(0.8, 1.2)
        decay = np.ones(n_channels) if kind == "noise" else np.exp(-distance / 40.0)
        clean = size * np.outer(sine if kind == "noise" else spike, decay)
        waveforms.append(clean + rng.normal(0, 0.5, clean.shape))
        nearest.append(np.sort(np.argsort(distance, kind="stable")[:6]))
    return Session(
        unit_ids=np.arange(n_units) * 3 + 10,
        kinds=kinds,
        spike_times_s=trains,
        waveforms_uv=np.array(waveforms),
        nearest=np.array(nearest),
        positions_um=positions,
        sampling_rate_hz=fs,
        duration_s=duration_s,
        n_before=n_before,
    )


def write_nwb(  # noqa: C901, PLR0912  # one switch for each optional part of a file
    path: Path,
    session: Session,
    *,
    backend: str = "hdf5",
    waveforms: str | None = "subset",
    waveform_scale: float = 1e-6,
    waveform_sd: bool = False,
    spike_times: bool = True,
    obs_intervals: bool = True,
    electrodes: bool = True,
    electrode_groups: bool = True,
    positions: str | None = "rel",
    resolution: bool = True,
    waveform_rate: bool = True,
    n_groups: int = 1,
    raw: bool = False,
    kinds: bool = False,
    columns: Mapping[str, Sequence[Any]] | None = None,
    ragged_columns: Mapping[str, Sequence[Sequence[Any]]] | None = None,
    subject: bool = True,
) -> Path:
    """Write a session with pynwb and return `path`.

    Parameters
    ----------
    path, session
        Where to, and what.
    backend
        ``"hdf5"`` or ``"zarr"``.
    waveforms
        ``"subset"``: each unit's nearest channels; ``"all"``: all channels; ``"single"``: the main channel, two
        dimensions; None: none.
    waveform_scale
        From µV to the unit of the file; 1e-6 is volts, 1 is µV labelled volts.
    waveform_sd, spike_times, obs_intervals, electrodes, electrode_groups, resolution, waveform_rate, subject
        Whether these are there; the groups need the electrodes.
    positions
        ``"rel"``: rel_x, rel_y; ``"xyz"``: x, y, z; ``"allen"``: probe_horizontal_position, …; None: none.
    n_groups
        Electrode groups; electrodes are dealt to them in turn.
    raw
        An ElectricalSeries of noise over the whole duration, int16.
    kinds
        Whether the truth is there, as column ``kind``.
    columns, ragged_columns
        Further columns: one value, or one list of values, a unit.
    """
    nwbfile = _empty_file(subject=subject)
    _add_electrodes(nwbfile, session, positions=positions, n_groups=n_groups)
    if raw:
        _add_raw(nwbfile, session)
    for name in columns or {}:
        nwbfile.add_unit_column(name, f"{name} of each unit")
    for name in ragged_columns or {}:
        nwbfile.add_unit_column(name, f"{name} of each unit", index=True)
    if kinds:
        nwbfile.add_unit_column("kind", "what the unit was simulated to be")
    further = {**(columns or {}), **(ragged_columns or {}), **({"kind": session.kinds.tolist()} if kinds else {})}
    for row in range(len(session)):
        main = int(np.abs(session.waveforms_uv[row]).max(axis=0).argmax())
        channels = {"all": np.arange(len(session.positions_um)), "single": np.array([main])}.get(
            waveforms or "", session.nearest[row]
        )
        unit: dict[str, Any] = {name: values[row] for name, values in further.items()}
        if spike_times:
            unit["spike_times"] = session.spike_times_s[row]
        if obs_intervals:
            unit["obs_intervals"] = [[0.0, session.duration_s]]
        if electrodes:
            unit["electrodes"] = channels.tolist()
        if electrodes and electrode_groups:
            unit["electrode_group"] = nwbfile.electrodes["group"][main]
        if waveforms:
            mean = (session.waveforms_uv[row][:, channels] * waveform_scale).astype(np.float32)
            unit["waveform_mean"] = mean[:, 0] if waveforms == "single" else mean
        if waveforms and waveform_sd:
            unit["waveform_sd"] = np.full_like(unit["waveform_mean"], 5 * waveform_scale)
        nwbfile.add_unit(id=int(session.unit_ids[row]), **unit)
    if resolution and spike_times:
        nwbfile.units.resolution = 1 / session.sampling_rate_hz
    if waveform_rate and waveforms:
        nwbfile.units.waveform_rate = session.sampling_rate_hz
    return write_nwbfile(path, nwbfile, backend=backend)


def write_nwbfile(path: Path, nwbfile: Any, *, backend: str) -> Path:
    """Write what pynwb holds in memory, to ``"hdf5"`` or ``"zarr"``, and return `path`."""
    if backend == "zarr":
        from hdmf_zarr import NWBZarrIO

        with NWBZarrIO(str(path), "w") as io:
            io.write(nwbfile)
    else:
        from pynwb import NWBHDF5IO

        with NWBHDF5IO(path, "w") as io:
            io.write(nwbfile)
    return path


def _empty_file(*, subject: bool) -> Any:
    from pynwb import NWBFile
    from pynwb.file import Subject

    mouse = Subject(subject_id="m1", species="Mus musculus", sex="U", age="P90D", description="A mouse.")
    return NWBFile(
        session_description="A simulated session.",
        identifier=str(uuid4()),
        session_start_time=datetime(2026, 1, 1, 12, tzinfo=UTC),
        session_id="s1",
        experimenter=["Cajal, Santiago"],
        institution="Institute",
        lab="Lab",
        keywords=["test"],
        experiment_description="Testing.",
        subject=mouse if subject else None,
    )


def _add_electrodes(nwbfile: Any, session: Session, *, positions: str | None, n_groups: int) -> None:
    device = nwbfile.create_device(name="probe", description="A simulated probe.")
    groups = [
        nwbfile.create_electrode_group(name=f"shank{i}", description="A shank.", location="CA1", device=device)
        for i in range(n_groups)
    ]
    names = {"allen": ("probe_horizontal_position", "probe_vertical_position")}.get(positions or "", ())
    for name in names:
        nwbfile.add_electrode_column(name, "position on the probe")
    for row, (x, y) in enumerate(session.positions_um.tolist()):
        place: dict[str, float] = {}
        if positions == "rel":
            place = {"rel_x": x, "rel_y": y}
        elif positions == "xyz":
            place = {"x": x, "y": y, "z": 0.0}
        elif names:
            place = dict(zip(names, (x, y), strict=True))
        nwbfile.add_electrode(id=1000 + row, group=groups[row % n_groups], location="CA1", **place)


def _add_raw(nwbfile: Any, session: Session) -> None:
    from pynwb.ecephys import ElectricalSeries

    n_channels = len(session.positions_um)
    rng = np.random.default_rng(1)
    nwbfile.add_acquisition(
        ElectricalSeries(
            name="ElectricalSeries",
            data=rng.normal(0, 20, (int(session.duration_s * session.sampling_rate_hz), n_channels)).astype(np.int16),
            electrodes=nwbfile.create_electrode_table_region(list(range(n_channels)), "all electrodes"),
            starting_time=0.0,
            rate=session.sampling_rate_hz,
            conversion=1e-6,
            description="Simulated noise.",
        )
    )


@dataclass(frozen=True)
class Bare:
    """A dataset with attributes, for `write_bare_nwb`."""

    values: Any
    attributes: Mapping[str, Any] = field(default_factory=dict)


def write_bare_nwb(
    path: Path,
    units: Mapping[str, Any] | None,
    *,
    electrodes: Mapping[str, Any] | None = None,
    nwb_version: str | None = "2.4.0",
    namespaces: Sequence[str] = (),
    **options: Any,
) -> Path:
    """Write a units table with h5py, exactly as told, and return `path`.

    Parameters
    ----------
    path
        Where to.
    units
        Datasets of the units table by name: arrays, lists of text, or `Bare` with attributes; None for no table.
    electrodes
        The same for the electrodes table.
    nwb_version
        None leaves the attribute out.
    namespaces
        Names of extensions whose specification the file seems to carry.
    options
        Those of ``h5py.File``.
    """
    with h5py.File(path, "w", **options) as file:
        if nwb_version is not None:
            file.attrs.update({"nwb_version": nwb_version, "namespace": "core", "neurodata_type": "NWBFile"})
            file.attrs["object_id"] = str(uuid4())
        file["identifier"] = "bare"
        file["session_start_time"] = "2026-01-01T12:00:00+00:00"
        for namespace in ("core", *namespaces):
            file.create_group(f"specifications/{namespace}/1.0.0")
        if electrodes is not None:
            _write_table(file.create_group("general/extracellular_ephys/electrodes"), electrodes, "DynamicTable")
        if units is not None:
            _write_table(file.create_group("units"), units, "Units")
    return path


def _write_table(group: h5py.Group, datasets: Mapping[str, Any], neurodata_type: str) -> None:
    names = [name for name in datasets if name != "id" and not name.endswith("_index")]
    group.attrs.update({"namespace": "core", "neurodata_type": neurodata_type, "object_id": str(uuid4())})
    group.attrs.update({"description": "A table.", "colnames": np.array(names, dtype=h5py.string_dtype())})
    for name, given in datasets.items():
        bare = given if isinstance(given, Bare) else Bare(given)
        dataset = group.create_dataset(name, data=bare.values)
        kind = {"id": "ElementIdentifiers"}.get(name, "VectorIndex" if name.endswith("_index") else "VectorData")
        common = {"description": f"{name}.", "namespace": "hdmf-common", "neurodata_type": kind}
        dataset.attrs.update({**common, "object_id": str(uuid4()), **bare.attributes})
    for name in datasets:
        if name.removesuffix("_index") in set(datasets) - {name}:
            group[name].attrs.setdefault("target", group[name.removesuffix("_index")].ref)

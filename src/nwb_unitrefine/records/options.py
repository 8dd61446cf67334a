"""What a user can state about a source, and how raw traces are used: options that travel as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from nwb_unitrefine.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SLOWEST_HZ", "RawOptions", "SourceHints", "SpikeTimesIn"]

SpikeTimesIn = Literal["seconds", "ms", "samples"]
"""Units that spike times can be stored in."""


SLOWEST_HZ = 1000.0
"""Spikes are not sampled more slowly than this: a lower number is one of kHz, or of no rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHints:
    """What a user states about a source because the source does not, or states it wrongly.

    Parameters
    ----------
    sorter : str, optional
        Which sorter's output it is: ``"phy"``, ``"combinato"``, …
    sampling_rate_hz : float, optional
        Of the recording the units were sorted from, where the source does not hold it.
    gain_uv : float, optional
        µV of one count of the recording, for Kilosort's templates.
    spike_times_in : {"seconds", "ms", "samples"}, optional
        Unit of the stored spike times, where it is not what the format prescribes.
    units : str, optional
        Path of the units table in an NWB file, such as ``"processing/ecephys/units"``; by default ``"units"``.

    Raises
    ------
    SourceError
        If a value is impossible.
    """

    sorter: str | None = None
    sampling_rate_hz: float | None = None
    gain_uv: float | None = None
    spike_times_in: SpikeTimesIn | None = None
    units: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be, before anything is read."""
        for name in ("sampling_rate_hz", "gain_uv"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise SourceError(f"{name} is {value}, which is not a positive number.")
        if self.sampling_rate_hz is not None and self.sampling_rate_hz < SLOWEST_HZ:
            raise SourceError(
                f"sampling_rate_hz is {self.sampling_rate_hz:g}, too slow for spikes.", tip="Give it in Hz."
            )
        if self.spike_times_in is not None and self.spike_times_in not in get_args(SpikeTimesIn):
            raise SourceError(
                f"spike_times_in is {self.spike_times_in!r}.", tip=f"It is one of {', '.join(get_args(SpikeTimesIn))}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RawOptions:
    """How metrics are computed from raw traces.

    Parameters
    ----------
    recording : spikeinterface.BaseRecording, str or Path, optional
        The recording, or an NWB file or SpikeInterface folder that holds it; by default, the file the units are from.
    electrical_series : str, optional
        Path of the ElectricalSeries in the NWB file; needed where there are several.
    folder : str or Path, optional
        Where the analyzer is kept; what it already holds is not computed again. By default, a temporary folder.
    preprocess : bool, optional
        Whether to filter the traces (300 to 6000 Hz) and subtract the median of the channels; False if that was done.
    jobs : int, optional
        Number of processes.
    progress : bool, optional
        Whether to show progress bars on standard error.
    seed : int, optional
        Of the choice of spikes.
    """

    recording: Any = None
    electrical_series: str | None = None
    folder: str | Path | None = None
    preprocess: bool = True
    jobs: int = 1
    progress: bool = True
    seed: int = 0

    def parameters(self) -> dict[str, str | int | bool]:
        """Options that decide the values, by the name under which a run records them."""
        deciding = {"raw_preprocess": self.preprocess, "raw_seed": self.seed}
        named = {} if self.electrical_series is None else {"raw_electrical_series": self.electrical_series}
        return {**named, **deciding}

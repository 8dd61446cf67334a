"""Edits of a labelled file that a history has to show, made as another program would make them.

`specified_edits` walks the extension's specification, so that a field which is added to it is edited too.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import yaml

import ndx_unit_curation
from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of, zarr_curation_of
from nwb_unitrefine.write import relabel, write_curation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HISTORY = "general/unit_curation"
RUNS = ("run_0001", "run_0002", "run_0003")


@dataclass(frozen=True)
class Attempt:
    """One edit of a file.

    Parameters
    ----------
    title : str
    edit : callable
        Gets the root group, h5py's or Zarr's.
    named : tuple of str
        Texts that the checks which fail have to hold.
    """

    title: str
    edit: Callable[[Any], None]
    named: tuple[str, ...]


def labelled(path: Path) -> Path:
    """Write a session with three runs: a model's, one that replaced a column by another program, and a person's."""
    make_small_session(path, columns={"theirs": list("abcdef")})
    with_recording(path)
    curate = zarr_curation_of if path.is_dir() else curation_of
    write_curation(curate(path))
    write_curation(curate(path, seed=1), columns=("theirs", "my_probability"), overwrite_columns=["theirs"])
    relabel(path, {2: "noise", 3: "sua"}, by="S. Cajal", note="seen on one channel")
    return path


def with_recording(path: Path) -> None:
    """Give a session a raw series, so that its sampling rate is an input."""
    with opened(path) as root:
        series = root.require_group("acquisition").create_group("ElectricalSeries")
        series.attrs.update({"neurodata_type": "ElectricalSeries", "namespace": "core", "object_id": "series"})
        create(series, "data", np.zeros((10, 4), dtype=np.int16))
        create(series, "starting_time", np.array([0.0]))
        series["starting_time"].attrs.update({"rate": 30_000.0, "unit": "seconds"})
    if path.is_dir():
        import zarr

        zarr.consolidate_metadata(str(path))


class opened:  # noqa: N801 - it is used as a function
    """The root group of a file, to be edited."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        if self._path.is_dir():
            import zarr

            self._root = zarr.open_group(str(self._path), mode="r+")
        else:
            self._root = h5py.File(self._path, "r+")
        return self._root

    def __exit__(self, *_: object) -> None:
        if isinstance(self._root, h5py.File):
            self._root.close()
        else:
            import zarr

            zarr.consolidate_metadata(str(self._path))


def edited(path: Path, attempt: Attempt, target: Path) -> Path:
    """Copy a file and edit the copy."""
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copyfile(path, target)
    with opened(target) as root:
        attempt.edit(root)
    return target


def create(group: Any, name: str, values: np.ndarray) -> None:
    """Write a dataset, whatever the backend."""
    if isinstance(group, h5py.Group):
        group.create_dataset(name, data=values, dtype=h5py.string_dtype() if values.dtype == object else None)
    else:
        from numcodecs import VLenUTF8

        options = {"object_codec": VLenUTF8()} if values.dtype == object else {}
        group.create_dataset(name, data=values, dtype=values.dtype, shape=values.shape, **options)


def read(group: Any, name: str) -> np.ndarray:
    """Read a dataset, text as ``str``."""
    values = group[name][()] if isinstance(group, h5py.Group) else group[name][...]
    values = np.asarray(values)
    if values.dtype == object:
        decoded = [value.decode() if isinstance(value, bytes) else value for value in values.ravel().tolist()]
        values = np.array(decoded, dtype=object).reshape(values.shape)
    return values


def another(values: np.ndarray) -> np.ndarray:
    """The same values but for the last."""
    changed = values.copy()
    last = changed.reshape(-1)
    if changed.dtype == object:
        last[-1] = f"{last[-1]}x"
    elif changed.dtype == np.bool_:
        last[-1] = not last[-1]
    elif changed.dtype.kind in "iu":
        last[-1] = last[-1] + 1 if last[-1] < np.iinfo(changed.dtype).max else 0
    else:
        last[-1] = 0.123 if np.isnan(last[-1]) else last[-1] * (1 + 1e-9) + 1e-12
    return changed


def specified_edits(path: Path, runs: Sequence[str] = RUNS) -> Iterator[Attempt]:
    """Change, remove and add every attribute, dataset and group that the extension's specification names."""
    types = yaml.safe_load((ndx_unit_curation.SPEC_FOLDER / "ndx-unit-curation.extensions.yaml").read_text())["groups"]
    by_name = {one["neurodata_type_def"]: one for one in types}
    with opened(path) as root:
        yield from _edits_of(root[HISTORY], by_name["UnitCuration"], HISTORY, "", by_name)
        for run in runs:
            yield from _edits_of(root[f"{HISTORY}/{run}"], by_name["CurationRun"], f"{HISTORY}/{run}", run, by_name)


def _edits_of(group: Any, spec: dict[str, Any], place: str, run: str, types: dict[str, Any]) -> Iterator[Attempt]:
    """Edits of one group of a file and of what is in it."""
    below = place.partition(f"{run}/")[2] if run else ""
    inside = f"{below}/" if below else ""
    for attribute in spec.get("attributes", []):
        yield from _attribute_edits(group, attribute["name"], place, (run, inside + attribute["name"]))
    for dataset in spec.get("datasets", []):
        yield from _dataset_edits(group, dataset["name"], place, (run, inside + dataset["name"]))
    for inner in spec.get("groups", []):
        name = inner.get("name")
        if name is None:
            continue
        if name in group:
            yield Attempt(f"{place}/{name} removed", delete(place, name), (run, name))
            if inner["neurodata_type_inc"] in types:
                spec_of_it = types[inner["neurodata_type_inc"]]
                yield from _edits_of(group[name], spec_of_it, f"{place}/{name}", run, types)
            else:
                columns = [one for one in group[name] if one != "id"]
                for one in columns:
                    yield Attempt(f"{place}/{name}/{one} changed", change(f"{place}/{name}", one), (run, name))
                    yield Attempt(f"{place}/{name}/{one} removed", delete(f"{place}/{name}", one), (run, name))
        else:
            yield Attempt(f"{place}/{name} added", _add_group(place, name), (run, name))


def _attribute_edits(group: Any, name: str, place: str, named: tuple[str, ...]) -> Iterator[Attempt]:
    """Edits of one attribute."""
    if name not in group.attrs:
        yield Attempt(f"{place}@{name} added", _set_attribute(place, name, "added"), named)
        return
    value = group.attrs[name]
    if isinstance(value, str):
        other: Any = f"{value}x"
    elif np.ndim(value):
        other = [*[str(one) for one in value][:-1], "other"]
    else:
        other = int(value) + 1
    yield Attempt(f"{place}@{name} changed", _set_attribute(place, name, other), named)
    yield Attempt(f"{place}@{name} removed", lambda root: root[place].attrs.__delitem__(name), named)


def _dataset_edits(group: Any, name: str, place: str, named: tuple[str, ...]) -> Iterator[Attempt]:
    """Edits of one dataset."""
    if name not in group:
        yield Attempt(f"{place}/{name} added", lambda root: create(root[place], name, np.ones(6)), named)
        return
    yield Attempt(f"{place}/{name} changed", change(place, name), named)
    yield Attempt(f"{place}/{name} removed", delete(place, name), named)
    yield Attempt(f"{place}/{name} shortened", _shorten(place, name), named)


def _set_attribute(place: str, name: str, value: Any) -> Callable[[Any], None]:
    def edit(root: Any) -> None:
        root[place].attrs[name] = value

    return edit


def delete(place: str, name: str) -> Callable[[Any], None]:
    def edit(root: Any) -> None:
        del root[place][name]

    return edit


def change(place: str, name: str) -> Callable[[Any], None]:
    def edit(root: Any) -> None:
        root[place][name][...] = another(read(root[place], name))

    return edit


def _shorten(place: str, name: str) -> Callable[[Any], None]:
    def edit(root: Any) -> None:
        values, attributes = read(root[place], name)[:-1], dict(root[place][name].attrs)
        del root[place][name]
        create(root[place], name, values)
        root[place][name].attrs.update(attributes)

    return edit


def _add_group(place: str, name: str) -> Callable[[Any], None]:
    def edit(root: Any) -> None:
        root[place].create_group(name).attrs["neurodata_type"] = "NWBContainer"

    return edit


def move(root: Any, source: str, target: str) -> None:
    """Rename a run."""
    root.move(f"{HISTORY}/{source}", f"{HISTORY}/{target}")


def copy(root: Any, source: str, target: str) -> None:
    """Copy a run over another or under a new name."""
    if target in root[HISTORY]:
        del root[HISTORY][target]
    if isinstance(root, h5py.Group):
        root.copy(f"{HISTORY}/{source}", f"{HISTORY}/{target}")
    else:
        history = Path(root.store.path, HISTORY)
        shutil.copytree(history / source, history / target)


def _exchange(root: Any, one: str, other: str) -> None:
    move(root, one, "aside")
    move(root, other, one)
    move(root, "aside", other)


def _end_all(root: Any) -> None:
    for run in RUNS:
        del root[HISTORY][run]


def _foreign_run(root: Any) -> None:
    copy(root, "run_0003", "run_0004")
    for name in ("digest", "previous_digest"):
        del root[HISTORY]["run_0004"].attrs[name]
    del root[HISTORY]["run_0004"]["field_digests"]


def run_edits() -> Iterator[Attempt]:
    """Remove, rename, exchange, copy and add whole runs."""
    for run in RUNS:
        yield Attempt(f"{run} removed", lambda root, run=run: root[HISTORY].__delitem__(run), (run,))
        yield Attempt(f"{run} renamed", lambda root, run=run: move(root, run, "run_0009"), ("run_0009", run))
        yield Attempt(f"{run} copied to the end", lambda root, run=run: copy(root, run, "run_0004"), ("run_0004", run))
    for one, other in (("run_0001", "run_0002"), ("run_0002", "run_0003"), ("run_0001", "run_0003")):
        yield Attempt(f"{one} and {other} exchanged", lambda root, a=one, b=other: _exchange(root, a, b), (one, other))
        yield Attempt(f"{one} copied over {other}", lambda root, a=one, b=other: copy(root, a, b), (other, one))
    yield Attempt("all runs removed", _end_all, ("removed", "unitrefine_label"))
    yield Attempt(
        "the history removed", lambda root: root["general"].__delitem__("unit_curation"), ("unitrefine_label",)
    )
    yield Attempt("a run without digests added", _foreign_run, ("run_0004",))
    yield Attempt(
        "a dataset that no specification names added",
        lambda root: create(root[HISTORY]["run_0001"], "mine", np.arange(3)),
        ("run_0001", "mine"),
    )
    yield Attempt(
        "an attribute that no specification names added",
        _set_attribute(f"{HISTORY}/run_0002/model", "mine", "x"),
        ("run_0002", "model/mine"),
    )


def _grow_electrodes(root: Any) -> None:
    root["general/extracellular_ephys/electrodes/rel_y"][1] = 999.0


def _observe(root: Any) -> None:
    create(root["units"], "obs_intervals", np.array([[0.0, 9.0]] * 6))
    create(root["units"], "obs_intervals_index", np.arange(1, 7))


def input_edits() -> Iterator[Attempt]:
    """Change, remove and add what labels were decided on, also after the run's line about it was removed."""
    table = "general/extracellular_ephys/electrodes"
    measures = [
        ("units/spike_times", "resolution", 1e-3),
        ("units/waveform_mean", "unit", "microvolts"),
        ("units/waveform_mean", "sampling_rate", 1.0),
        ("acquisition/ElectricalSeries/starting_time", "rate", 20_000.0),
    ]
    changes: list[tuple[str, Callable[[Any], None], str]] = [
        (f"units/{name}", change("units", name), name) for name in ("spike_times", "waveform_mean", "electrodes", "id")
    ]
    changes += [(f"units/{name}", delete("units", name), name) for name in ("waveform_mean",)]
    changes += [(f"{table}/{name}", change(table, name), f"electrodes table: {name}") for name in ("rel_x", "rel_y")]
    changes += [(f"{table}/group_name", change(table, "group_name"), "electrodes table: group_name")]
    changes += [
        (f"{place}@{name}", _set_attribute(place, name, value), f"{place.split('/')[-1]}: {name}")
        for place, name, value in measures[:3]
    ]
    changes += [(f"{measures[3][0]}@rate", _set_attribute(*measures[3]), "ElectricalSeries: rate")]
    changes += [("units/obs_intervals added", _observe, "obs_intervals")]
    for title, edit, named in changes:
        yield Attempt(f"{title} changed", edit, (f"{named} unchanged",))

        def without_line(root: Any, edit: Callable[[Any], None] = edit, named: str = named) -> None:
            edit(root)
            place = root[f"{HISTORY}/run_0003"]
            lines = read(place, "inputs")
            del place["inputs"]
            create(place, "inputs", lines[lines[:, 0] != named])

        yield Attempt(f"{title} changed, and its line removed", without_line, (f"{named} unchanged", "run_0003"))
    for name in ("unitrefine_label", "unitrefine_probability", "unitrefine_uncertain", "theirs", "theirs_uncertain"):
        yield Attempt(f"units/{name} changed", change("units", name), (name,))

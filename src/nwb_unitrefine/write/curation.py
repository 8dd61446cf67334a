"""Write the labels of a curation into the file that its units came from."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import FileChangedError, SourceError, WriteError
from nwb_unitrefine.history.authors import LabelAuthors, combine_labels, label_authors
from nwb_unitrefine.history.digests import field_digests
from nwb_unitrefine.history.layout import run_to_group
from nwb_unitrefine.history.runs import add_run, human_labels, read_run
from nwb_unitrefine.history.tree import ABOUT_REPLACED, HISTORY, Dataset, Group
from nwb_unitrefine.records import Curation, Predictions, Run, RunKind
from nwb_unitrefine.storage.tree import attribute_text
from nwb_unitrefine.vocabulary import find_metric
from nwb_unitrefine.write.columns import (
    column_names,
    columns_to_replace,
    deciding_runs,
    edited_columns,
    probability_values,
    run_column,
    writers,
)
from nwb_unitrefine.write.copies import about_source, copied_file, derived_file, is_place_for_copies
from nwb_unitrefine.write.digests import digest_inputs, digest_same_units, digest_trains
from nwb_unitrefine.write.exports.sorter_tables import TABLE_KINDS, write_tables
from nwb_unitrefine.write.exports.units_file import columns_left_out, derived_name
from nwb_unitrefine.write.preflight import require_main_table, require_on_this_machine
from nwb_unitrefine.write.report import WriteReport
from nwb_unitrefine.write.stores.open import change_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.write.columns import ColumnNames

__all__ = ["record_curation", "record_run", "software_versions", "write_curation"]

_SOFTWARE = ("nwb-unitrefine", "numpy", "scipy", "scikit-learn", "h5py")


def write_curation(
    curation: Curation,
    *,
    output: str | Path | None = None,
    columns: str | Sequence[str] = "unitrefine",
    contamination_column: bool = False,
    overwrite_columns: Sequence[str] = (),
    replace_human: bool = False,
    units_only: bool = False,
    source_digest: str = "",
    source_name: str = "",
    source_asset: str = "",
    again: bool = False,
    dry_run: bool = False,
) -> WriteReport:
    """Write labels, their probabilities and how they were made into the NWB file that the units came from.

    The file gets three columns in its units table (label, probability, and whether the label is uncertain) and a run
    in its history, all or nothing; nothing else in it changes. Writing again gives the columns new values and adds a
    run; where nothing changed, nothing is written. Sorter output and SortingAnalyzers get tables instead:
    see `nwb_unitrefine.write.exports.sorter_tables`.

    Parameters
    ----------
    curation : Curation
        Of an NWB file on this machine.
    output : str or Path, optional
        Write into a copy of the file there, and leave the file as it is. Where it is a folder, the copy is named by
        subject and session, as DANDI wants it.
    columns : str or sequence of str, optional
        ``"unitrefine"`` (``unitrefine_label``, ``unitrefine_probability``, ``unitrefine_uncertain``), ``"quality"``
        (``quality_label``, ``quality_score``, ``quality_uncertain``), or two or three names.
    contamination_column : bool, optional
        Write a fourth column, ``unitrefine_contamination`` or the same for other names: the upper bound of the share of
        foreign spikes. A file that has this column keeps it up to date.
    overwrite_columns : sequence of str, optional
        Columns by another program that may be replaced; the run keeps their values, and undoing it brings them back.
    replace_human : bool, optional
        Replace labels that a person set, too. By default they are kept, and the run records what the model predicted.
    units_only : bool, optional
        Make `output` a small file of its own with subject, electrodes and units alone. It may then be Zarr where the
        source is HDF5 and the other way round, and the source may be on another machine.
    source_digest : str, optional
        Digest of the source, as an archive states it, for the copy to refer to.
    source_name : str, optional
        Public name of the source, as ``DANDI:000123@draft/sub-1/sub-1.nwb``, for the copy to refer to; by default, what
        is public of its path or address.
    source_asset : str, optional
        Id that an archive gave the source, for the copy to refer to; by default, that in its address, if any.
    again : bool, optional
        Add a run even where it would be the same as the one in effect.
    dry_run : bool, optional
        Do everything but write.

    Returns
    -------
    WriteReport

    Raises
    ------
    FileChangedError
        If the file's units are no longer those of the curation.
    ColumnExistsError
        If a column by another program is in the way.
    WriteError
        If the file cannot be written: it is as it was.
    """
    if curation.units.source.kind in TABLE_KINDS:
        return write_tables(curation, output=output, columns=columns, units_only=units_only, dry_run=dry_run)
    if curation.units.source.kind == "nwb-memory":
        raise WriteError(
            "The units were read from an NWBFile object, and not from a file.",
            tip="Label the object with nwb_unitrefine.integrations.label_session, or curate the file by its path.",
        )
    if curation.units.source.kind == "csv":
        raise WriteError(
            f"{curation.units.source.uri} is a table, into which no labels are written.",
            tip=f"nwb-unitrefine predict {curation.units.source.uri} gives labels to a table of metrics.",
        )
    require_main_table("" if units_only else curation.units.source.units_path, uri=curation.units.source.uri)
    names = column_names(columns, contamination=contamination_column)

    def change(store: UnitsStore) -> WriteReport:
        return record_curation(
            store,
            curation,
            names=names,
            overwrite=overwrite_columns,
            replace_human=replace_human,
            again=again or output is not None,  # a copy records what it was made of, and its newest run vouches for it
        )

    if units_only and output is None:
        raise WriteError("A small file with units alone needs a place: name an output.")
    require_on_this_machine(curation.units.source.uri, units_only=units_only)
    source = Path(curation.units.source.uri)
    if output is None or (dry_run and not units_only):
        report, applied = change_store(source, change, dry_run=dry_run)
        return replace(report, path=source, bytes_written=applied.bytes_written, other_names=applied.other_names)
    place = Path(output)
    if is_place_for_copies(place):
        place /= derived_name(curation.units.source) + ".zarr" * (source.is_dir() and not units_only)

    def change_copy(store: UnitsStore) -> WriteReport:
        about = about_source(curation.units.source, digest=source_digest, name=source_name, asset=source_asset)
        store.describe_source(about)
        return change(store)

    with derived_file(curation.units, place, dry_run=dry_run) if units_only else copied_file(source, place) as copy:
        report, applied = change_store(copy, change_copy, appears_in=place.parent)
    left_out = columns_left_out(curation.units) if units_only else ()
    return replace(report, path=place, bytes_written=applied.bytes_written, left_out=left_out)


def record_curation(
    store: UnitsStore,
    curation: Curation,
    *,
    names: ColumnNames,
    overwrite: Sequence[str] = (),
    replace_human: bool = False,
    again: bool = False,
) -> WriteReport:
    """Add a curation to an open file: a run, and the columns with its labels.

    Parameters
    ----------
    store : UnitsStore
    curation : Curation
        Of the units in `store`.
    names : ColumnNames
    overwrite, replace_human, again
        As `overwrite_columns`, `replace_human` and `again` of `write_curation`.

    Raises
    ------
    FileChangedError
        If the units in `store` are no longer those of the curation.
    """
    spike_times = _require_same_units(store, curation)
    in_effect = deciding_runs(store, names)
    names = names.as_far_as_known(curation, in_effect)
    by_people = {} if replace_human else human_labels(in_effect)
    held = np.isin(curation.units.unit_ids, list(by_people))
    run = Run(
        kind=curation.kind,
        agent=curation.model.name,
        created=curation.created,
        predictions=_kept(curation.predictions, by_people, store),
        software=software_versions(),
        inputs=digest_inputs(store, curation.features, spike_times=spike_times),
        model=curation.model,
        features=curation.features,
        parameters=curation.parameters,
        changed=~held if held.any() else None,
    )
    authors = label_authors(in_effect) if not replace_human else LabelAuthors()
    combined = combine_labels(curation.predictions, authors)
    if not again and _is_same(store, run, names=names, in_effect=in_effect, by_people=by_people):
        newest = in_effect[-1]
        report = WriteReport(
            path=Path(store.name),
            run="",
            columns=newest.columns,
            n_units=len(held),
            n_changed=0,
            n_kept=int(held.sum()),
        )
    else:
        report = record_run(store, run, names=names, in_effect=in_effect, overwrite=overwrite)
    ours = frozenset(name for name in (*authors.columns, *report.columns) if name not in report.replaced)
    return replace(
        report,
        n_gone=len(by_people) - int(held.sum()),
        labels=replace(combined, columns=ours),
    )


def _is_same(
    store: UnitsStore, run: Run, *, names: ColumnNames, in_effect: Sequence[Run], by_people: Mapping[int, object]
) -> bool:
    """Whether a run would record what a model's run in effect does, and leave every column and author as it is."""
    history = store.group(HISTORY)
    by_models = [known for known in in_effect if known.kind is not RunKind.HUMAN]
    if not by_models or history is None:
        return False
    newest = in_effect[-1]
    columns = (newest.label_column, newest.probability_column or names.probability, newest.uncertain_column)
    written = writers(in_effect)
    held = np.isin(run.predictions.unit_ids, list(by_people))
    return (
        columns == (names.label, names.probability, names.uncertain)
        and (not names.contamination or names.contamination in written)
        and all(name in store.columns() for name in newest.columns)
        and not edited_columns(store, in_effect)
        and held.sum() == len(human_labels(in_effect))
        and np.array_equal(run.predictions.labels, newest.predictions.labels)
        and np.array_equal(run.predictions.uncertain, newest.predictions.uncertain)
        and _origin(run) == _origin(read_run(history, by_models[-1].name, where=store.name))
    )


_OUTCOME = frozenset(
    {
        "created",
        "note",
        "label",
        "uncertain",
        "reason",
        "changed",
        "label_column",
        "probability_column",
        "uncertain_column",
        "contamination_column",
    }
)
"""Fields of a run that depend on when it was made, and on what people decided before."""


def _origin(run: Run) -> dict[str, str]:
    """Digests of what a run was decided with and on, and of its probabilities."""
    group = run_to_group(run, rows=np.arange(len(run.predictions)), feature_units=_feature_units(run))
    return {name: value for name, value in field_digests(group).items() if name not in _OUTCOME}


def record_run(
    store: UnitsStore, run: Run, *, names: ColumnNames, in_effect: Sequence[Run], overwrite: Sequence[str] = ()
) -> WriteReport:
    """Add a run to an open file and give its columns the run's values.

    Parameters
    ----------
    store : UnitsStore
    run : Run
        With a row for each row of the units table, in its order.
    names : ColumnNames
    in_effect : sequence of Run
        The file's runs in effect.
    overwrite : sequence of str, optional
        As `overwrite_columns` of `write_curation`.
    """
    foreign = columns_to_replace(
        names,
        present=store.names(),
        chain=in_effect,
        edited=edited_columns(store, in_effect),
        overwrite=overwrite,
        where=store.name,
    )
    has_probability = bool(np.isfinite(probability_values(run)).any()) or names.probability in writers(in_effect)
    run = replace(
        run,
        label_column=names.label,
        probability_column=names.probability if has_probability else "",
        uncertain_column=names.uncertain,
        contamination_column=names.contamination,
    )
    foreign = tuple(name for name in foreign if name in run.columns)
    unit_ids = run.predictions.unit_ids
    name = add_run(
        store,
        run,
        rows=np.arange(len(unit_ids)),
        feature_units=_feature_units(run),
        replaced=_replaced_columns(store, foreign) if foreign else None,
    )
    if foreign:
        store.set_aside(foreign, name)
    for column in run.columns:
        store.set_column(column, run_column(run, column, unit_ids))
    before = in_effect[-1].predictions.labels if in_effect else np.full(len(unit_ids), "")
    return WriteReport(
        path=Path(store.name),
        run=name,
        columns=run.columns,
        replaced=foreign,
        n_units=len(unit_ids),
        n_changed=int(np.sum(before != run.predictions.labels)) if len(before) == len(unit_ids) else 0,
        n_kept=0 if run.changed is None else int(np.sum(~run.changed)),
    )


def _replaced_columns(store: UnitsStore, columns: Sequence[str]) -> Group:
    """Return columns of the units table as a run keeps them that replaces them."""
    table = store.group("units")
    assert table is not None
    kept = Group("DynamicTable", {"description": ABOUT_REPLACED, "colnames": list(columns)})
    for column in ("id", *columns):
        name = column
        while (array := table.array(name)) is not None:
            kept.datasets[name] = Dataset(array.read(), description=attribute_text(array.attributes, "description"))
            name = f"{name}_index"
            if column == "id":
                break
    return kept


def software_versions() -> dict[str, str]:
    """Return the versions of the packages that decide an outcome."""
    versions = {}
    for package in _SOFTWARE:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _feature_units(run: Run) -> dict[str, str]:
    """Return the physical unit of each feature that the vocabulary knows."""
    metrics = {name: find_metric(name) for name in (run.features.names if run.features else ())}
    return {name: metric.unit for name, metric in metrics.items() if metric is not None}


def _require_same_units(store: UnitsStore, curation: Curation) -> str:
    """Refuse a file whose units are others than those that were labelled; return the digest of its spike times."""
    if store.read("id").dtype.kind not in "iu":
        raise SourceError(f"{store.name} has unit ids that are not whole numbers, which NWB asks for.")
    labelled = np.array_equal(curation.units.unit_ids, curation.predictions.unit_ids)
    digest = digest_same_units(store, curation.units) if labelled else ""
    if not digest:
        raise FileChangedError(
            f"The units of {store.name} are no longer those that were labelled.",
            tip="Nothing was written. Run the command again.",
        )
    return digest


def _kept(predictions: Predictions, by_people: Mapping[int, tuple[str, Run]], store: UnitsStore) -> Predictions:
    """Give units the label again that a person gave them; the model's probabilities stay as they are.

    A label that was decided on other spikes than the unit has now is kept, too, and marked uncertain.
    """
    runs = {run.name: run for _, run in by_people.values()}
    same_spikes = {
        name: digest_trains(store, run.predictions.unit_ids) == run.inputs.get("spike_times")
        for name, run in runs.items()
    }
    labels, uncertain, reasons = predictions.labels.astype(object), predictions.uncertain.copy(), [*predictions.reasons]
    for row, unit in enumerate(predictions.unit_ids.tolist()):
        if unit not in by_people:
            continue
        labels[row], run = by_people[unit]
        uncertain[row] = not same_spikes[run.name]
        reasons[row] = f"its spikes are others than when {run.agent} labelled it" if uncertain[row] else ""
    kept = replace(predictions, labels=labels.astype(np.str_), uncertain=uncertain, reasons=tuple(reasons))
    return kept.with_classes(kept.labels.tolist())

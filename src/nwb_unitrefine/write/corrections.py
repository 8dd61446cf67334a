"""Labels that a person sets, and taking a run back: runs like any other, so that the history shows both."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import ColumnExistsError, WriteError
from nwb_unitrefine.history.authors import combine_labels, label_authors
from nwb_unitrefine.history.integrity import check_history
from nwb_unitrefine.history.runs import add_run, human_labels, read_runs, runs_in_effect
from nwb_unitrefine.history.tree import HISTORY
from nwb_unitrefine.records import CLASSES, Predictions, Run, RunKind
from nwb_unitrefine.vocabulary.labels import likely_meant, meaning
from nwb_unitrefine.vocabulary.model_classes import class_name, is_class_word
from nwb_unitrefine.write.columns import (
    COLUMN_SETS,
    ColumnNames,
    column_names,
    deciding_runs,
    edited_columns,
    run_column,
    writers,
)
from nwb_unitrefine.write.curation import record_run, software_versions
from nwb_unitrefine.write.digests import digest_inputs
from nwb_unitrefine.write.report import WriteReport
from nwb_unitrefine.write.stores.open import change_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.storage.tree import Group

__all__ = ["predictions_in_effect", "relabel", "undo"]


def relabel(
    path: str | Path,
    labels: Mapping[int, str],
    *,
    by: str,
    note: str = "",
    columns: str | Sequence[str] | None = None,
    overwrite_columns: Sequence[str] = (),
    again: bool = False,
    dry_run: bool = False,
) -> WriteReport:
    """Give units the label that a person decided on; a model's later run keeps it.

    Parameters
    ----------
    path : str or Path
        NWB file on this machine; it need not have been labelled before.
    labels : mapping of int to str
        Label of each unit to change, by unit id: ``"sua"``, ``"mua"``, ``"noise"``, a class
        of the model in effect, or a word of your own such as ``"axon"``. Other units keep theirs.
    by : str
        Who decided.
    note : str, optional
        Why.
    columns : str or sequence of str, optional
        As of `write_curation`; by default, the columns of the run in effect.
    overwrite_columns : sequence of str, optional
        As of `write_curation`.
    again : bool, optional
        Add a run even where this person set all these labels before, with the same note.
    dry_run : bool, optional
        Do everything but write.

    Returns
    -------
    WriteReport

    Raises
    ------
    WriteError
        If a unit or label is not known, nobody is named, or the file cannot be written: it is as it was.
    """
    if not by.strip():
        raise WriteError("A correction needs the name of the person who decided.", tip="Name them with --by.")
    if not labels:
        raise WriteError("There is no label to set.", tip="Give one as --unit 12=noise, or a table with --labels.")

    def change(store: UnitsStore) -> WriteReport:
        chain = deciding_runs(store, column_names(columns) if columns is not None else None)
        ids = store.read("id")
        changed = _rows(labels, ids, store)
        base = predictions_in_effect(chain, ids)
        _require_words(labels.values(), base.classes)
        base = base.with_classes(labels.values())
        by_people = human_labels(chain)
        held = np.isin(ids, list(by_people)) | changed
        new_labels = base.labels.astype(object)
        new_labels[changed] = [labels[unit] for unit in ids[changed].tolist()]
        predictions = Predictions(
            unit_ids=ids,
            probabilities=np.where(held[:, None], np.nan, base.probabilities),
            labels=new_labels.astype(np.str_),
            uncertain=base.uncertain & ~held,
            reasons=tuple("" if known else reason for known, reason in zip(held, base.reasons, strict=True)),
            classes=base.classes,
        )
        run = Run(
            kind=RunKind.HUMAN,
            agent=by.strip(),
            created=_now(),
            predictions=predictions,
            software=software_versions(),
            inputs=digest_inputs(store, None),
            changed=changed,
            note=note,
        )
        names = column_names(columns) if columns is not None else _columns_in_effect(chain)
        known = all(
            unit in by_people and (by_people[unit][0], by_people[unit][1].agent) == (label, run.agent)
            for unit, label in labels.items()
        )
        if known and not again and not note and names.label == chain[-1].label_column:
            report = WriteReport(path=Path(path), run="", columns=chain[-1].columns, n_units=len(ids), n_changed=0)
            return replace(report, labels=combine_labels(base, label_authors(chain)))
        report = replace(record_run(store, run, names=names, in_effect=chain, overwrite=overwrite_columns), n_kept=0)
        return replace(report, labels=combine_labels(predictions, label_authors([*chain, run])))

    report, applied = change_store(path, change, dry_run=dry_run)
    return replace(report, path=Path(path), bytes_written=applied.bytes_written, other_names=applied.other_names)


def undo(path: str | Path, *, by: str = "", note: str = "", dry_run: bool = False) -> WriteReport:
    """Take back the run that is in effect: the columns get the labels of the run before it.

    The history keeps both the run and its taking back. Undoing again goes back one run further; undoing the first
    removes the columns, and brings back those of another program that it had replaced.

    Parameters
    ----------
    path : str or Path
    by : str, optional
        Who decided.
    note : str, optional
        Why.
    dry_run : bool, optional
        Do everything but write.

    Returns
    -------
    WriteReport

    Raises
    ------
    WriteError
        If there is no run to take back, or the file cannot be written: it is as it was.
    """

    def change(store: UnitsStore) -> WriteReport:
        history = store.group(HISTORY)
        _require_intact(history, store.name)
        chain = runs_in_effect(read_runs(history, where=store.name))
        if not chain:
            raise WriteError(f"{store.name} has no labels to take back.")
        edited = [name for name in edited_columns(store, chain) if name in chain[-1].columns]
        if edited:
            raise ColumnExistsError(
                f"{store.name}: {edited[0]!r} was edited since nwb-unitrefine wrote it; undoing would lose that.",
                tip=f"`relabel` or `label` with --overwrite-column {edited[0]} keeps the edits in the history.",
                columns=tuple(edited),
            )
        taken, ids = chain[-1], store.read("id")
        restored = predictions_in_effect(chain[:-1], ids)
        run = Run(
            kind=RunKind.HUMAN,
            agent=by.strip() or "unnamed",
            created=_now(),
            predictions=restored,
            software=software_versions(),
            inputs=digest_inputs(store, None),
            changed=predictions_in_effect(chain, ids).labels != restored.labels,
            note=note,
            undoes=taken.name,
        )
        columns = _restore_columns(store, taken, chain[:-1])
        if len(chain) > 1:
            previous = chain[-2]
            run = replace(
                run,
                label_column=previous.label_column,
                probability_column=previous.probability_column,
                uncertain_column=previous.uncertain_column,
                contamination_column=previous.contamination_column,
            )
        name = add_run(store, run, rows=np.arange(len(ids)))
        changed = 0 if run.changed is None else int(run.changed.sum())
        return WriteReport(path=Path(path), run=name, columns=columns, n_units=len(ids), n_changed=changed)

    report, applied = change_store(path, change, dry_run=dry_run)
    return replace(report, bytes_written=applied.bytes_written, other_names=applied.other_names)


def _require_intact(history: Group | None, name: str) -> None:
    """Refuse a history that is not as it was recorded: what was edited in it must not get into the columns."""
    damaged = [finding for finding in check_history(history) if not finding.intact]
    if damaged:
        listed = "; ".join(f"{finding.what}: {finding.detail}" for finding in damaged[:3])
        raise WriteError(
            f"The history of {name} is not as it was recorded ({listed}): nothing is brought back from it.",
            tip=f"`nwb-unitrefine verify {name}` lists every change; `relabel` sets labels anew.",
        )


def _restore_columns(store: UnitsStore, taken: Run, before: Sequence[Run]) -> tuple[str, ...]:
    """Give a taken-back run's columns what they held before it, or take them away; return those that hold labels."""
    written, unit_ids = writers(before), store.read("id")
    for name in taken.columns:
        if name not in written:
            store.remove_column(name)
    brought_back = store.bring_back(taken.name)
    for name in taken.columns:
        run = written.get(name)
        if run is not None and name not in brought_back:
            store.set_column(name, run_column(run, name, unit_ids))
    return before[-1].columns if before else ()


def _columns_in_effect(chain: Sequence[Run]) -> ColumnNames:
    """Return the columns that a correction goes to: those of the run in effect, or the default ones."""
    if not chain:
        return COLUMN_SETS["unitrefine"]
    label = chain[-1].label_column
    known = [run for run in reversed(chain) if run.label_column == label]
    named = next((names for names in COLUMN_SETS.values() if names.label == label), None)
    probability = next((run.probability_column for run in known if run.probability_column), "")
    uncertain = next((run.uncertain_column for run in known if run.uncertain_column), "")
    default = named or column_names((label, probability or f"{label}_probability"))
    return ColumnNames(label, probability or default.probability, uncertain or default.uncertain)


def _rows(labels: Mapping[int, str], ids: NDArray[np.int64], store: UnitsStore) -> NDArray[np.bool_]:
    """Return which rows of the table are to get a label; refuse ids that are not there, or more than once."""
    known = set(ids.tolist())
    missing = [str(unit) for unit in labels if unit not in known]
    if missing:
        raise WriteError(
            f"{store.name} has no unit {', '.join(missing[:5])}{' and others' * (len(missing) > 5)}.",
            tip=f"`nwb-unitrefine show {store.name}` lists its units.",
        )
    rows = np.isin(ids, list(labels))
    if rows.sum() != len(labels):
        raise WriteError(f"{store.name} has units whose id is not unique: their labels cannot be assigned.")
    return rows


def predictions_in_effect(chain: Sequence[Run], ids: NDArray[np.int64]) -> Predictions:
    """Return the labels in effect by unit id; none for a unit that the run in effect does not know."""
    known = chain[-1].predictions if chain else None
    rows = {unit: row for row, unit in enumerate(known.unit_ids.tolist())} if known else {}
    places = np.array([rows.get(unit, -1) for unit in ids.tolist()], dtype=np.int64)
    there = places >= 0
    labels, uncertain = np.full(len(ids), "", dtype=object), np.zeros(len(ids), dtype=np.bool_)
    classes = known.classes if known is not None else CLASSES
    probabilities = np.full((len(ids), len(classes)), np.nan)
    if known is not None:
        labels[there] = known.labels[places[there]]
        uncertain[there] = known.uncertain[places[there]]
        probabilities[there] = known.probabilities[places[there]]
    return Predictions(
        unit_ids=ids,
        probabilities=probabilities,
        labels=labels.astype(np.str_),
        uncertain=uncertain,
        reasons=tuple(known.reasons[place] if known is not None and place >= 0 else "" for place in places.tolist()),
        classes=classes,
    )


def _require_words(words: Iterable[str], classes: Sequence[str]) -> None:
    """Refuse a label that is none, a slip, or another name of a class: one file has one word for one thing."""
    known = tuple(dict.fromkeys((*classes, *CLASSES)))
    for word in words:
        if word in known:
            continue
        same = class_name(meaning(word))
        meant = same if same in known else likely_meant(word, known)
        if meant or not is_class_word(word):
            tip = f"Did you mean {meant}?" if meant else f"Labels are {', '.join(known)}, or a word of your own."
            raise WriteError(f"{word!r} is not a label.", tip=tip)


def _now() -> datetime:
    """Time of a run, to the second."""
    return datetime.now(UTC).replace(microsecond=0)

"""Check a history against its own digests: which runs and fields were changed, removed, added, renamed or copied.

It detects accidents and edits, not somebody who computes every digest anew; see `nwb_unitrefine.history.digests`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nwb_unitrefine.history.digests import DIGEST, REPLACED, field_digests, recorded_fields, run_digest
from nwb_unitrefine.history.run_numbers import name_of_run, run_number
from nwb_unitrefine.history.runs import NEWEST_DIGEST, NUM_RUNS, attribute_digests, run_names
from nwb_unitrefine.history.tree import read_tree
from nwb_unitrefine.storage.tree import attribute_number, attribute_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nwb_unitrefine.history.tree import Group
    from nwb_unitrefine.storage import tree as storage

__all__ = ["HistoryFinding", "check_history"]

_OF_A_RUN = re.compile(r"(run_\d+)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HistoryFinding:
    """What was found of one run, or of the history as a whole.

    Parameters
    ----------
    what : str
        ``"run_0002"``, ``"num_runs"``, ``"newest_digest"``, ``"history"``, ``"source"``.
    intact : bool
    detail : str
    """

    what: str
    intact: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _StoredRun:
    """One run with the digests that it holds, and those of what it holds."""

    name: str
    tree: Group
    digest: str
    previous: str
    recorded: dict[str, str] | None
    actual: dict[str, str]

    @property
    def own(self) -> dict[str, str]:
        """The recorded digests of its own fields."""
        recorded = self.recorded or {}
        return {key: value for key, value in recorded.items() if key[:1] != "/" and not _OF_A_RUN.fullmatch(key)}


def check_history(history: storage.Group | None) -> tuple[HistoryFinding, ...]:
    """Check every run of a history, and the history as a whole.

    Parameters
    ----------
    history : storage.tree.Group or None
        The group ``general/unit_curation``; without one there is nothing to find.

    Returns
    -------
    tuple of HistoryFinding
        One for each run, and one for everything else that is not as it was recorded.
    """
    if history is None:
        return ()
    runs = [_stored(history, name) for name in run_names(history)]
    newest = attribute_text(history.attributes, NEWEST_DIGEST)
    is_protected = bool(newest) or NUM_RUNS in history.attributes or any(run.recorded is not None for run in runs)
    if not is_protected:
        return tuple(
            HistoryFinding(run.name, intact=True, detail="not protected: it has no digest until the next run")
            for run in runs
        )
    found = [*_check_runs(runs, is_derived="source" in history.attributes)]
    found += _check_count(history, runs)
    found += _check_newest(runs, newest)
    found += _check_attributes(history, runs)
    return tuple(found)


def _stored(history: storage.Group, name: str) -> _StoredRun:
    """Read a run with its digests, recorded and actual."""
    group = history.group(name)
    assert group is not None
    tree = read_tree(group)
    return _StoredRun(
        name=name,
        tree=tree,
        digest=attribute_text(tree.attributes, DIGEST),
        previous=attribute_text(tree.attributes, "previous_digest"),
        recorded=recorded_fields(tree),
        actual=field_digests(tree),
    )


def _check_runs(runs: list[_StoredRun], *, is_derived: bool) -> Iterator[HistoryFinding]:
    """Check each run's fields, its name, and the run that it follows."""
    vouched = _vouched(runs)
    redacted = _redacted(runs)
    undone = {attribute_text(run.tree.attributes, "undoes") for run in runs}
    known = {run.name for run in runs}
    before = ""
    for run in runs:
        wrong: list[str] = []
        expected = run.own if run.recorded is not None else vouched.get(run.name)
        if expected is None:
            yield HistoryFinding(run.name, intact=False, detail="it has no digest, and no later run vouches for it")
            continue
        gone = run.name in undone or is_derived
        notes, changes = _compare(run, expected, redacted=redacted, may_lack_replaced=gone)
        if run.recorded is not None:
            wrong += _check_name(run, known)
            if run.previous != before:
                wrong.append("it does not follow the run before it, which was removed, added or exchanged")
            before = run.digest
        wrong += changes
        detail = "; ".join([*wrong, *notes]) or "as recorded"
        yield HistoryFinding(run.name, intact=not wrong, detail=detail)


def _vouched(runs: list[_StoredRun]) -> dict[str, dict[str, str]]:
    """Digests of the fields of runs that have none of their own, as a later run records them."""
    found: dict[str, dict[str, str]] = {}
    for run in runs:
        for key, value in (run.recorded or {}).items():
            if of_a_run := _OF_A_RUN.fullmatch(key):
                found.setdefault(of_a_run[1], {})[of_a_run[2]] = value
    return found


def _redacted(runs: list[_StoredRun]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Digests of fields before and after private text was taken out of them, by run and field, the oldest first."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for run in runs:
        table = run.tree.datasets.get("redactions")
        for line in table.values.tolist() if table is not None and table.values.ndim == 2 else ():
            if len(line) == 4:
                name, field, former, present = map(str, line)
                found.setdefault((name, field), []).append((former, present))
    return found


def _after(expected: str, redactions: Sequence[tuple[str, str]]) -> str:
    """Digest that a field has after its redactions; each counts only where it began with what was recorded."""
    for former, present in redactions:
        expected = present if former == expected else expected
    return expected


def _compare(
    run: _StoredRun,
    expected: Mapping[str, str],
    *,
    redacted: Mapping[tuple[str, str], Sequence[tuple[str, str]]],
    may_lack_replaced: bool,
) -> tuple[list[str], list[str]]:
    """Name the fields that were redacted, and those that were changed, removed or added."""
    actual = run.actual
    changed = [name for name in expected if name in actual and actual[name] != expected[name]]
    notes = [name for name in changed if actual[name] == _after(expected[name], redacted.get((run.name, name), ()))]
    kinds = {
        "changed": [name for name in changed if name not in notes],
        "removed": [name for name in expected if name not in actual and not (name == REPLACED and may_lack_replaced)],
        "added": [name for name in actual if name not in expected],
    }
    wrong = [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    return [f"redacted: {', '.join(notes)}"] if notes else [], wrong


def _check_name(run: _StoredRun, known: set[str]) -> list[str]:
    """Find out under which name a run was written, where it was another."""
    recorded = run.recorded or {}
    if run.digest == run_digest(run.name, recorded):
        return []
    if not run.digest:
        return ["removed: digest"]
    others = sorted(known | {name_of_run(number) for number in range(1, len(known) + 100)})
    for other in others:
        if run.digest == run_digest(other, recorded):
            return [f"it was written as {other}: it was {'copied or exchanged' if other in known else 'renamed'}"]
    return ["changed: its digest or its field_digests"]


def _check_count(history: storage.Group, runs: list[_StoredRun]) -> Iterator[HistoryFinding]:
    """Name the runs that were removed, by the number of runs that were ever added."""
    number = attribute_number(history.attributes, NUM_RUNS)
    n_added = int(number) if number is not None else None
    if n_added == len(runs):
        return
    if n_added is None:
        yield HistoryFinding(NUM_RUNS, intact=False, detail="the number of runs was removed or is not a number")
        return
    if n_added < len(runs):
        yield HistoryFinding(NUM_RUNS, intact=False, detail=f"{len(runs)} runs, where {n_added} were added")
        return
    names = {run.name for run in runs}
    numbers = [number for name in names if (number := run_number(name)) is not None]
    last = max([*numbers, n_added])
    if numbers and max(numbers) == len(runs) and runs[-1].digest == attribute_text(history.attributes, NEWEST_DIGEST):
        yield HistoryFinding(
            NUM_RUNS,
            intact=False,
            detail=f"it is {n_added}, and the run that was added last is the last of {len(runs)}",
        )
        return
    missing = [name for name in map(name_of_run, range(1, min(last, 10**4) + 1)) if name not in names]
    for name in missing[: n_added - len(runs)]:
        yield HistoryFinding(name, intact=False, detail="it was removed")
    more = n_added - len(runs) - len(missing)
    if more > 0:
        yield HistoryFinding(NUM_RUNS, intact=False, detail=f"{len(runs)} runs, where {n_added} were added")


def _check_newest(runs: list[_StoredRun], newest: str) -> Iterator[HistoryFinding]:
    """Check that the run that was added last is the last."""
    last = runs[-1].digest if runs else ""
    if not newest:
        yield HistoryFinding(NEWEST_DIGEST, intact=False, detail="the digest of the newest run was removed")
    elif last != newest:
        yield HistoryFinding(NEWEST_DIGEST, intact=False, detail="the last run is not the one that was added last")


def _check_attributes(history: storage.Group, runs: list[_StoredRun]) -> Iterator[HistoryFinding]:
    """Check which file the history records that it was derived from."""
    recorded = next((run.recorded for run in reversed(runs) if run.recorded is not None), {})
    expected = {key[1:]: value for key, value in recorded.items() if key.startswith("/")}
    redacted = _redacted(runs)
    present = attribute_digests(history)
    for name in sorted(expected.keys() | present.keys()):
        if expected.get(name) == present.get(name):
            continue
        if name in expected and present.get(name) == _after(expected[name], redacted.get(("", name), ())):
            yield HistoryFinding(name, intact=True, detail="redacted")
            continue
        how = "added" if name not in expected else "removed" if name not in present else "changed"
        yield HistoryFinding(name, intact=False, detail=f"the history's attribute was {how}")

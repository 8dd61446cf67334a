"""Take folders, addresses and secrets out of a file's history, and record that in the history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.history.private import redact_attributes, redact_run, rewrites
from nwb_unitrefine.history.runs import add_run, read_runs, run_names, runs_in_effect
from nwb_unitrefine.history.tree import HISTORY, read_tree
from nwb_unitrefine.records import Redaction, Run, RunKind
from nwb_unitrefine.write.corrections import predictions_in_effect
from nwb_unitrefine.write.curation import software_versions
from nwb_unitrefine.write.digests import digest_inputs
from nwb_unitrefine.write.stores.open import change_store

if TYPE_CHECKING:
    from nwb_unitrefine.history.private import Rewrite
    from nwb_unitrefine.history.store import UnitsStore

__all__ = ["RedactionReport", "redact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionReport:
    """What was taken out of a history.

    Parameters
    ----------
    path : Path
    run : str
        Name of the run that records it; empty where there was nothing to take out.
    redactions : tuple of Redaction
        The fields, each with its digest before and after.
    bytes_written : int
        Written into the file; 0 for a dry run.
    in_unused_space : bool
        Whether the text is still in parts of an HDF5 file that nothing refers to. ``h5repack`` makes a file without.
    """

    path: Path
    run: str
    redactions: tuple[Redaction, ...]
    bytes_written: int = 0
    in_unused_space: bool = False


def redact(path: str | Path, *, by: str = "", dry_run: bool = False) -> RedactionReport:
    """Take private text out of a file's history: paths become names, addresses and tokens go.

    The history gets a run that names each field with its digests before and after, so that `verify` reports the field
    as redacted and not as changed. Labels and columns stay as they are.

    Parameters
    ----------
    path : str or Path
        NWB file, HDF5 or Zarr.
    by : str, optional
        Who decided.
    dry_run : bool, optional
        Do everything but write.

    Returns
    -------
    RedactionReport

    Raises
    ------
    WriteError
        If the file has no history, or cannot be written: it is as it was.
    """
    found: list[str] = []

    def change(store: UnitsStore) -> RedactionReport:
        history = store.group(HISTORY)
        if history is None:
            raise WriteError(f"{store.name} has no history to take anything out of.")
        runs = read_runs(history, where=store.name, details=False)
        changes, redactions = redact_attributes(history)
        for name in run_names(history):
            group = history.group(name)
            assert group is not None
            tree = read_tree(group)
            inside = list(rewrites(tree))
            redactions += redact_run(name, tree, inside)
            changes += [(f"{name}/{place}".strip("/"), field, value) for place, field, value in inside]
        if not changes:
            return RedactionReport(path=Path(path), run="", redactions=())
        found.extend(_former(store, changes))
        in_effect = runs_in_effect(runs)
        ids = store.read("id")
        run = Run(
            kind=RunKind.HUMAN,
            agent=by.strip() or "unnamed",
            created=datetime.now(UTC).replace(microsecond=0),
            predictions=predictions_in_effect(in_effect, ids),
            software=software_versions(),
            inputs=digest_inputs(store, None),
            changed=np.zeros(len(ids), dtype=np.bool_),
            note="private text taken out of the history",
            redactions=redactions,
        )
        added = add_run(store, run, rows=np.arange(len(ids)))
        for place, field, value in changes:
            store.rewrite(place, field, value)
        return RedactionReport(path=Path(path), run=added, redactions=redactions)

    report, applied = change_store(path, change, dry_run=dry_run)
    is_left = not dry_run and Path(path).is_file() and _holds(Path(path), found)
    return replace(report, bytes_written=applied.bytes_written, in_unused_space=is_left)


def _former(store: UnitsStore, changes: list[Rewrite]) -> list[str]:
    """The texts that are about to be replaced."""
    texts: list[str] = []
    for place, field, _ in changes:
        group = store.group(f"{HISTORY}/{place}".strip("/"))
        assert group is not None
        tree = read_tree(group)
        if field in tree.attributes:
            values = np.atleast_1d(np.asarray(tree.attributes[field], dtype=object)).tolist()
        else:
            values = tree.datasets[field].values.ravel().tolist()
        texts += [str(value) for value in values]
    return texts


def _holds(path: Path, texts: list[str]) -> bool:
    """Whether the bytes of a file hold one of the private parts of texts."""
    from nwb_unitrefine.records import private_parts

    wanted = {part.encode() for text in texts for part in private_parts(text)}
    longest = max(map(len, wanted), default=0)
    tail = b""
    with path.open("rb") as file:
        while wanted and (block := file.read(1 << 24)):
            if any(part in tail + block for part in wanted):
                return True
            tail = block[-longest:]
    return False

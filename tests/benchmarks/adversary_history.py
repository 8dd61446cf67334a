"""Edit a labelled file's history and inputs in every way the specification allows, and feed private text.

``python tests/benchmarks/adversary_history.py`` prints a table: area, attempts, held, failed. An edit holds when
`verify` fails and names what was edited; private text holds when nothing of it is in the file that was written.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from adversary import Attempt, main

from helpers import tampering
from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of
from nwb_unitrefine.records import private_parts, recorded_name, shown_name
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import redact, relabel, write_curation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SECRETS = (
    "/home/ana/sessions/sub-1.nwb",
    "~/models/best",
    r"C:\Users\ana\data\sub-1.nwb",
    r"\\server\share\sub-1.nwb",
    "https://ana:PASSWORD@lab.org/data/sub-1.nwb",
    "https://bucket.s3.amazonaws.com/a/b.nwb?X-Amz-Signature=0123&X-Amz-Security-Token=456",
    "https://lab.org/a.nwb?token=0123",
    "s3://private-bucket/ana/sub-1.nwb",
    "http://localhost:8080/ana/a.nwb#section",
    "/mnt/lab data/ana/sub-1.nwb",
)


def attempts(folder: Path) -> Iterator[Attempt]:
    """Make every attempt, in an empty folder."""
    for suffix in (".nwb", ".nwb.zarr"):
        path = tampering.labelled(folder / f"session{suffix}")
        kind = "Zarr" if path.is_dir() else "HDF5"
        yield from _edited(f"{kind}: fields of the specification", path, folder, tampering.specified_edits(path))
        yield from _edited(f"{kind}: whole runs", path, folder, tampering.run_edits())
        yield from _edited(f"{kind}: inputs and columns", path, folder, tampering.input_edits())
    yield from _recorded(folder)
    yield from _redacted(folder)
    yield from _shown()


def _edited(area: str, path: Path, folder: Path, edits: Iterable[tampering.Attempt]) -> Iterator[Attempt]:
    """Edit a history, and have it verified: each edit is found and named."""
    for edit in edits:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            outcome = verify(tampering.edited(path, edit, Path(place, path.name)))
        found = "; ".join(f"{check.what}: {check.detail}" for check in outcome.checks if not check.passed)
        yield Attempt(area, edit.title, bool(found) and all(text in found for text in edit.named), found)


def _recorded(folder: Path) -> Iterator[Attempt]:
    """Label with a model and from a source whose names are private, and look for them in the copy."""
    source = make_small_session(folder / "private source.nwb")
    for number, secret in enumerate(SECRETS):
        made = curation_of(source)
        model = replace(made.model, source=secret)
        curated = replace(made, model=model)
        path = write_curation(curated, output=folder / f"recorded{number}.nwb").path
        content = path.read_bytes()
        private = [secret, str(folder), "PASSWORD", "X-Amz", "private-bucket"]
        found = [text for text in private if text.encode() in content]
        yield Attempt("private names recorded", secret, not found, f"in the copy: {found}")


def _redacted(folder: Path) -> Iterator[Attempt]:
    """Write private text as a note, take it out, and look for it in what the file holds."""
    for number, secret in enumerate(SECRETS):
        path = make_small_session(folder / f"redacted{number}.nwb")
        relabel(path, {0: "noise"}, by="S. Cajal", note=f"see {secret} for it")
        before = verify(path)
        reported = any(check.what == "nothing private" and not check.passed for check in before.checks)
        redact(path)
        with h5py.File(path, "r") as file:
            note = file["general/unit_curation/run_0001"].attrs["note"]
        is_public = secret == shown_name(secret) and "://" in secret  # an address without a secret may stay in a note
        is_held = is_public or (reported and secret not in note and verify(path).passed)
        yield Attempt("private text taken out", secret, is_held, f"reported: {reported}, left: {note}")


def _shown() -> Iterator[Attempt]:
    """Ask what is recorded and shown of a private name."""
    for secret in SECRETS:
        shown, recorded = shown_name(secret), recorded_name(secret)
        secrets = [text in shown for text in ("PASSWORD", "X-Amz", "token=", "#section") if "://" in secret]
        is_held = not any(secrets) and "/" not in recorded and "\\" not in recorded and not private_parts(recorded)
        yield Attempt("private names shown", secret, is_held, f"shown: {shown}, recorded: {recorded}")


if __name__ == "__main__":
    sys.exit(main(["history"]))

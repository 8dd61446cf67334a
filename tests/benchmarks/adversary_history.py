"""Edit a labelled file's history and inputs in every way the specification allows, and feed private text.

``python tests/benchmarks/adversary_history.py`` prints a table: area, attempts, held, failed. An edit holds when
`verify` fails and names what was edited; private text holds when nothing of it is in the file that was written.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers import tampering
from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of
from nwb_unitrefine.records import private_parts, recorded_name, shown_name
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import redact, relabel, write_curation

if TYPE_CHECKING:
    from collections.abc import Iterable

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

Row = tuple[str, int, int, int]


def main() -> None:
    """Print the table."""
    rows = campaign()
    for area, attempts, held, failed in rows:
        print(f"{area:<40} {attempts:>8} {held:>6} {failed:>6}")
    print(f"{'all':<40} {sum(r[1] for r in rows):>8} {sum(r[2] for r in rows):>6} {sum(r[3] for r in rows):>6}")


def campaign() -> list[Row]:
    """Make every attempt.

    Returns
    -------
    list of (str, int, int, int)
        Area, attempts, held and failed.
    """
    warnings.simplefilter("ignore")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for suffix in (".nwb", ".nwb.zarr"):
            path = tampering.labelled(folder / f"session{suffix}")
            kind = "Zarr" if path.is_dir() else "HDF5"
            rows += [
                _edited(f"{kind}: fields of the specification", path, folder, tampering.specified_edits(path)),
                _edited(f"{kind}: whole runs", path, folder, tampering.run_edits()),
                _edited(f"{kind}: inputs and columns", path, folder, tampering.input_edits()),
            ]
        rows += [_recorded(folder), _redacted(folder), _shown()]
    return rows


def _edited(area: str, path: Path, folder: Path, attempts: Iterable[tampering.Attempt]) -> Row:
    """Count the edits that are found and named."""
    held = n_attempts = 0
    for attempt in attempts:
        n_attempts += 1
        with tempfile.TemporaryDirectory(dir=folder) as place:
            outcome = verify(tampering.edited(path, attempt, Path(place, path.name)))
        found = "; ".join(f"{check.what}: {check.detail}" for check in outcome.checks if not check.passed)
        is_held = bool(found) and all(text in found for text in attempt.named)
        held += is_held
        if not is_held:
            print(f"  failed: {attempt.title}: {found}", file=sys.stderr)
    return area, n_attempts, held, n_attempts - held


def _recorded(folder: Path) -> Row:
    """Label with a model and from a source whose names are private, and look for them in the copy."""
    held = 0
    source = make_small_session(folder / "private source.nwb")
    for number, secret in enumerate(SECRETS):
        made = curation_of(source)
        model = replace(made.model, source=secret)
        curated = replace(made, model=model)
        path = write_curation(curated, output=folder / f"recorded{number}.nwb").path
        private = [secret, str(folder), "PASSWORD", "X-Amz", "private-bucket"]
        content = path.read_bytes()
        held += not any(text.encode() in content for text in private)
    return "private names recorded", len(SECRETS), held, len(SECRETS) - held


def _redacted(folder: Path) -> Row:
    """Write private text as a note, take it out, and look for it in what the file holds."""
    held = 0
    for number, secret in enumerate(SECRETS):
        path = make_small_session(folder / f"redacted{number}.nwb")
        relabel(path, {0: "noise"}, by="S. Cajal", note=f"see {secret} for it")
        before = verify(path)
        reported = any(check.what == "nothing private" and not check.passed for check in before.checks)
        redact(path)
        with h5py.File(path, "r") as file:
            note = file["general/unit_curation/run_0001"].attrs["note"]
        is_public = secret == shown_name(secret) and "://" in secret  # an address without a secret may stay in a note
        held += is_public or (reported and secret not in note and verify(path).passed)
    return "private text taken out", len(SECRETS), held, len(SECRETS) - held


def _shown() -> Row:
    """Ask what is recorded and shown of a private name."""
    held = 0
    for secret in SECRETS:
        shown, recorded = shown_name(secret), recorded_name(secret)
        secrets = [text in shown for text in ("PASSWORD", "X-Amz", "token=", "#section") if "://" in secret]
        held += not any(secrets) and "/" not in recorded and "\\" not in recorded and not private_parts(recorded)
    return "private names shown", len(SECRETS), held, len(SECRETS) - held


if __name__ == "__main__":
    main()

"""Write ``format.md``, the description of every field, from the specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent

DIGESTS = """
## Digests

Digests detect accidents and edits: a field that was changed, a run that was removed, renamed, copied or exchanged.
They do not detect somebody who computes every digest anew; for that, keep a copy of `newest_digest` elsewhere.

- **Field.** Every attribute, every dataset and the group `replaced_columns` of a run is a field, wherever it is below
  the run, and also where no specification names it. Its path is relative to the run, as `label` or `model/digest`.
  The attributes `namespace`, `object_id` and `help`, and what a backend adds about storage, are not fields; `digest`
  and `field_digests` neither. Fields without content (an empty text, an array of size 0) are left out. Each line of
  `inputs` is a field of its own as well, as `inputs/spike_times`.
- **Digest of a field.** The first 32 hexadecimal digits of the SHA-256 of: the shape as Python writes a tuple; the
  kind (`integer`, `float` or `text`); the content. Integers and booleans are little-endian 64-bit integers; other
  numbers are little-endian 64-bit floats with one NaN; each text is its length in bytes of UTF-8 in decimal, a colon,
  and the bytes. An attribute is an array of one dimension. A column or region is the text array of the digest of its
  values and its description. `replaced_columns` is the text of the JSON list of its sorted paths and digests.
- **Digest of a run.** `sha256:` and the SHA-256 of the JSON list of the run's name and its sorted `field_digests`,
  without spaces, in ASCII. `previous_digest` is among the fields, so that the runs are a chain; `num_runs` and
  `newest_digest` of the history hold its end.
- **Earlier versions.** The first run that is added to runs without digests has the digests of their fields, as they
  are then, in its own `field_digests`.
- **Undoing.** `replaced_columns` leaves a run when that run is undone, and is not copied into a small derived file.
- **Redaction.** Taking private text out of a field adds a run with `redactions`. The field's digest is then the one
  of the last column of that table.
"""


def render() -> str:
    """Return the text of ``format.md``."""
    types = yaml.safe_load((FOLDER.parent / "spec" / "ndx-unit-curation.extensions.yaml").read_text())["groups"]
    lines = ["# Format", "", "Written by `docs/render.py` from the specification.", ""]
    for one in types:
        lines += [f"## {one['neurodata_type_def']}", "", f"A `{one['neurodata_type_inc']}`. {_line(one['doc'])}", ""]
        rows = [_row(field, kind) for kind in ("attributes", "datasets", "groups") for field in one.get(kind, [])]
        lines += ["| field | kind | what it is |", "|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip("\n") + "\n" + DIGESTS


def _row(field: dict[str, Any], kind: str) -> str:
    """One field as a row."""
    what = field.get("neurodata_type_inc", field.get("dtype", ""))
    shape = f"[{', '.join(field['dims'])}]" if "dims" in field else ""
    optional = not field.get("required", True) or field.get("quantity") in ("?", "*")
    name = field.get("name", "(any name)")
    return f"| `{name}`{' (optional)' if optional else ''} | {kind[:-1]}, {what}{shape} | {_line(field['doc'])} |"


def _line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


if __name__ == "__main__":
    (FOLDER / "format.md").write_text(render())

"""Write ``format.md``, the description of every field, from the specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


def render() -> str:
    """Return the text of ``format.md``."""
    types = yaml.safe_load((FOLDER.parent / "spec" / "ndx-unit-curation.extensions.yaml").read_text())["groups"]
    lines = ["# Format", "", "Written by `docs/render.py` from the specification.", ""]
    for one in types:
        lines += [f"## {one['neurodata_type_def']}", "", f"A `{one['neurodata_type_inc']}`. {_line(one['doc'])}", ""]
        rows = [_row(field, kind) for kind in ("attributes", "datasets", "groups") for field in one.get(kind, [])]
        lines += ["| field | kind | what it is |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


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

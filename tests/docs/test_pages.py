"""The pages of the documentation: every block runs, and what is not run is marked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from helpers.documents import ROOT, blocks, run_blocks
from nwb_unitrefine.vocabulary.dialects import registry

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
WITH_CODE = [page for page in PAGES if any(not block.not_run for block in blocks((DOCS / page).read_text()))]
RUN = frozenset({"console", "python"})
SHOWN = frozenset({"text", "toml", "yaml"})
"""Output of the block above, and files."""


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_states_why_not(page: str) -> None:
    """A block is a command or Python that the tests run, an output or a file, or has a line that it is not run."""
    text = (DOCS / page).read_text()
    found = blocks(text)
    assert 2 * len(found) == len(re.findall(r"^ *```", text, flags=re.MULTILINE)), "a fence that is not recognised"
    wrong = [block for block in found if block.language not in RUN | SHOWN and not block.not_run]
    assert [f"line {block.line}: {block.language}" for block in wrong] == []
    assert [block.line for block in found if block.indented] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE)
def test_blocks_of_a_page_run_and_print_what_it_shows(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From top to bottom in an empty folder, each command and each Python block does what the page shows."""
    monkeypatch.setattr(registry, "_registered", {})  # a page may register a dialect, which is no other test's
    run_blocks((DOCS / page).read_text(), tmp_path)

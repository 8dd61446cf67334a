"""The pages of the documentation: every block runs, and what is not run is marked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from helpers.documents import ROOT, blocks, run_blocks
from helpers.servers.archive import small_archive
from nwb_unitrefine.vocabulary.dialects import registry

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
WITH_CODE = [page for page in PAGES if any(not block.not_run for block in blocks((DOCS / page).read_text()))]
ARCHIVE = "tutorials/dandiset.md"
"""The page whose commands read an archive, for which a server on this machine stands in."""
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
@pytest.mark.parametrize("page", sorted({*WITH_CODE} - {ARCHIVE}))
def test_blocks_of_a_page_run_and_print_what_it_shows(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From top to bottom in an empty folder, each command and each Python block does what the page shows."""
    monkeypatch.setattr(registry, "_registered", {})  # a page may register a dialect, which is no other test's
    run_blocks((DOCS / page).read_text(), tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_dandiset_tutorial_runs_on_an_archive_of_three_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands plan, label with Dask, and summarise what the real client lists and reads from a server."""
    for package in ("dandi", "distributed"):
        pytest.importorskip(package)
    monkeypatch.delenv("DANDI_API_KEY", raising=False)
    (tmp_path / "page").mkdir()
    with small_archive(tmp_path / "archive") as modules:
        run_blocks((DOCS / ARCHIVE).read_text(), tmp_path / "page", modules=modules)

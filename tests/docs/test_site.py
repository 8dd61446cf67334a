"""The site builds strictly, and needs no network to be read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from helpers.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("mkdocs", reason="needs the extra docs")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. A link or a reference that leads nowhere, or a page that is in no menu, ends the build."""
    folder = tmp_path_factory.mktemp("site")
    paths = [ROOT / "src", ROOT / "extensions/ndx-unit-curation/src/pynwb"]
    environment = {**os.environ, "PYTHONPATH": ":".join(map(str, paths)), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_nothing_of_the_site_comes_from_the_network(site: Path) -> None:
    """No page, style or script asks another host for a font, a script, a style or a picture."""
    asked = []
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = path.read_text()
        asked += re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?(?:https?:)?//[^\s\"'>]+", text)
        asked += re.findall(
            r"<link[^>]*rel=[\"']?(?:stylesheet|preconnect|icon)[^>]*href=[\"']?(?:https?:)?//[^\s\"'>]+", text
        )
        asked += re.findall(r"url\([\"']?(?:https?:)?//[^)]+\)|@import[^;]+//[^;]+", text)
    assert asked == []


@pytest.mark.slow
def test_public_functions_have_their_parameters_on_their_page(site: Path) -> None:
    """The page of the package shows docstrings, not only names."""
    page = (site / "reference/python/nwb_unitrefine/index.html").read_text()
    for words in ("write_curation", "Parameters", "Returns", "Raises"):
        assert words in page

"""Headless Chromium for tests of pages: Debian's, driven by playwright, without any request of its own."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CONTRAST", "Watched", "browser"]

CONTRAST = """() => {
  const number = (text) => text.match(/[\\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((one, i) => one * a + below[i] * (1 - a));
  const background = (node) => {
    if (!node) return [255, 255, 255];
    const own = number(getComputedStyle(node).backgroundColor);
    return own[3] === 0 ? background(node.parentElement) : over(own, background(node.parentElement));
  };
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => rgb.map((one) => linear(one / 255))
    .reduce((sum, one, i) => sum + one * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const box = node.getBoundingClientRect();
    const unseen = !walker.currentNode.textContent.trim() || !box.width;
    if (unseen || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.tagName)) continue;
    const behind = background(node);
    const [a, b] = [light(over(number(getComputedStyle(node).color), behind)), light(behind)].sort((x, y) => y - x);
    found.push([walker.currentNode.textContent.trim().slice(0, 40), (a + 0.05) / (b + 0.05)]);
  }
  return found;
}"""
"""Contrast of every text that is seen with what is behind it, as of WCAG 2: pairs of text and ratio."""

_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Watched:
    """A page, with what went wrong in it and what it asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))


@contextmanager
def browser() -> Iterator[Any]:
    """Start Chromium; without it the test is skipped, but for CI, where it must run."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        executable = None
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no Chromium or no playwright: .ci/run installs both")
        pytest.skip("needs Chromium and playwright")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=list(_QUIET))
        try:
            yield started
        finally:
            started.close()

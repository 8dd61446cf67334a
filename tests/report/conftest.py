"""A browser for tests of the page."""

from __future__ import annotations

import pytest

from helpers.browser import browser


@pytest.fixture(scope="module")
def chromium():
    """Chromium without a window."""
    with browser() as started:
        yield started

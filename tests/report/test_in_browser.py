"""A report in Chromium: it opens alone, sorts, filters and shows a unit."""

from __future__ import annotations

import pytest

from helpers.browser import Watched
from nwb_unitrefine import curate, load_model
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.report import session_data, write_page

pytestmark = pytest.mark.slow  # a browser is started


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    simulate_session(folder / "demo.nwb", n_units=400, duration_s=60.0)
    model = load_model("default")
    return write_page(session_data(curate(folder / "demo.nwb", model=model), model=model), folder / "report.html")


@pytest.fixture(params=[(1400, "light"), (900, "dark")], ids=str)
def watched(request, report, chromium):
    width, scheme = request.param
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    seen = Watched(page)
    page.goto(report.as_uri())
    page.wait_for_selector("#units tbody tr")
    yield seen
    page.close()
    assert seen.errors == []
    assert seen.requests == [report.as_uri()]


def _column(page, number):
    return page.locator(f"#units tbody td:nth-child({number})").all_inner_texts()


def test_a_page_of_four_hundred_units_is_small(report):
    """At most 1 MB, and nothing beside it."""
    assert report.stat().st_size < 1_000_000


def test_units_are_sorted_and_filtered(watched):
    """A heading sorts by its column and back; a filter leaves the units that it names, and says how many."""
    page = watched.page
    page.click("#units th[data-column=spikes] button")
    spikes = [int(text.replace(",", "")) for text in _column(page, 2)]
    assert spikes == sorted(spikes, reverse=True)
    page.click("#units th[data-column=spikes] button")
    assert [int(text.replace(",", "")) for text in _column(page, 2)] == sorted(spikes)
    assert page.get_attribute("#units th[data-column=spikes]", "aria-sort") == "ascending"
    page.fill("#filter", "noise")
    assert set(_column(page, 3)) == {"noise"}
    page.fill("#filter", "spikes>500 certain")
    assert all(int(text.replace(",", "")) > 500 for text in _column(page, 2))
    assert page.inner_text("#count").endswith("of 400 units")


def test_a_unit_is_shown_with_keys(watched):
    """Arrows move through the table; the unit's pictures, probabilities, reasons and metrics appear."""
    page = watched.page
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("k")
    chosen = page.get_attribute("#units tr[aria-selected=true]", "data-unit")
    assert page.inner_text("#unit h2").startswith(f"Unit {chosen} ")
    names = page.locator("#unit canvas").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    assert any(name.startswith("Mean waveforms of unit") for name in names)
    assert any(name.startswith("Autocorrelogram") for name in names)
    assert page.locator("#unit .evidence .track").count() >= 3
    assert page.locator("#unit .metrics tbody tr").count() > 10
    drawn = page.locator("#unit figure canvas").evaluate_all(
        "all => all.map((one) => one.getContext('2d')"
        ".getImageData(0, 0, one.width, one.height).data.some((x) => x > 0))"
    )
    assert drawn
    assert all(drawn)


def test_views_have_their_content(watched):
    """Summary and provenance are there, reached by keys as well."""
    page = watched.page
    page.click("#tab-summary")
    assert "Units by label" in page.inner_text("#view-summary")
    page.focus("#tab-summary")
    page.keyboard.press("ArrowRight")
    text = page.inner_text("#view-provenance")
    assert "unitrefine-default" in text
    assert "NWBHDF5IO" in text
    assert "For a methods section" in text

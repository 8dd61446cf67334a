"""The page for people who see little, or use keys and a screen reader: roles, focus, contrast, no motion."""

from __future__ import annotations

from itertools import pairwise

import pytest

from helpers.browser import CONTRAST, Watched
from nwb_unitrefine import curate, load_model
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.report import session_data, write_page

pytestmark = pytest.mark.slow  # a browser is started


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accessible")
    simulate_session(folder / "demo.nwb", n_units=20, duration_s=300.0)
    model = load_model("default")
    return write_page(session_data(curate(folder / "demo.nwb", model=model), model=model), folder / "report.html")


@pytest.fixture(params=["light", "dark"])
def page(request, report, chromium):
    opened = chromium.new_page(
        viewport={"width": 1400, "height": 900}, color_scheme=request.param, reduced_motion="reduce"
    )
    watched = Watched(opened)
    opened.goto(report.as_uri())
    opened.wait_for_selector("#unit h2")
    yield opened
    opened.close()
    assert watched.errors == []


def test_every_text_stands_out_from_what_is_behind_it(page):
    """Texts of all three views have a contrast of at least 4.5 to 1 (WCAG AA), in both colour schemes."""
    for tab in ("units", "summary", "provenance"):
        page.click(f"#tab-{tab}")
        found = page.evaluate(CONTRAST)
        assert len(found) > 15
        assert [(text, round(ratio, 2)) for text, ratio in found if ratio < 4.5] == []


def test_bars_and_curves_stand_out_from_the_paper(page):
    """Colours that carry meaning in pictures have at least 3 to 1 against the paper (WCAG AA for graphics)."""
    ratios = page.evaluate(
        """() => {
      const light = (name) => {
        const hex = drawing.colour(name).slice(1);
        const parts = [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
        const linear = parts.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
      };
      return ['--sua', '--mua', '--noise', '--class-3', '--class-4', '--class-5', '--for', '--against', '--accent',
        '--soft', '--ink'].map((name) => {
          const [a, b] = [light(name), light('--paper')].sort((x, y) => y - x);
          return [name, (a + 0.05) / (b + 0.05)];
        });
    }"""
    )
    assert [name for name, ratio in ratios if ratio < 3] == []


def test_the_focus_goes_from_the_skip_link_to_the_unit_and_is_seen(page):
    """Tab leads through skip link, tabs, filter, headings and the chosen row to the unit, each with an outline."""
    seen = []
    for _ in range(10):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "(() => { const one = document.activeElement; const style = getComputedStyle(one);"
                " return [one.id || one.dataset.unit || one.textContent.trim().slice(0, 24),"
                " style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]; })()"
            )
        )
    names = [name for name, _ in seen]
    chosen = page.get_attribute("#units tr[aria-selected=true]", "data-unit")
    assert names[:3] == ["Skip to the chosen unit", "tab-units", "filter"]
    assert names.index("filter") < names.index("margin ↑") < names.index(chosen)
    assert "unit" in names[names.index(chosen) :]
    assert [name for name, outlined in seen if not outlined] == []


def test_rows_take_the_focus_that_arrows_move(page):
    """A screen reader hears the row that an arrow leads to; arrows in the unit scroll it and choose no other."""
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
    chosen = page.get_attribute("#units tr[aria-selected=true]", "data-unit")
    page.focus("#unit")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#units tr[aria-selected=true]", "data-unit") == chosen
    assert page.locator("#units tbody tr[tabindex='0']").count() == 1


def test_roles_name_what_there_is(page):
    """Tabs, the grid of units, pictures and status have roles and names."""
    assert page.get_by_role("tab", name="Summary").count() == 1
    assert page.get_by_role("tabpanel", name="Units").count() == 1
    grid = page.get_by_role("grid", name="Units")
    assert grid.get_by_role("columnheader").count() >= 5
    assert grid.get_by_role("row", selected=True).count() == 1
    assert page.get_by_role("img", name="Autocorrelogram of unit").count() == 1
    assert page.get_by_role("img").evaluate_all("all => all.every((one) => one.getAttribute('aria-label'))")
    assert page.get_by_role("status").inner_text().endswith("units")
    assert page.locator("html").get_attribute("lang") == "en"
    page.focus("#tab-units")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.id") == "tab-provenance"
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map((one) => Number(one.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_nothing_moves(page):
    """There is no animation or transition, whatever the person prefers, and rows come into view at once."""
    page.keyboard.press("End")
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter((one) => { const style = getComputedStyle(one);"
        " return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0"
        " || style.scrollBehavior === 'smooth'; }).length"
    )
    assert moving == 0

"""How large a report of 400 units is, and how fast it opens, against an empty page in the same browser.

    python tests/benchmarks/report_page.py [--units 400] [--times 7]

Prints the size, the time to make the page, and the median, smallest and largest time from the address to a shown unit.
Needs Chromium and the package playwright.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from nwb_unitrefine import curate, load_model
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.report import session_data, write_page

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def main() -> None:
    """Make a report and open it several times, in turn with an empty page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=400)
    parser.add_argument("--times", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate_session(folder / "session.nwb", n_units=given.units, duration_s=600.0)
        model = load_model("default")
        curation = curate(folder / "session.nwb", model=model)
        start = time.perf_counter()
        page = write_page(session_data(curation, model=model), folder / "report.html")
        made = time.perf_counter() - start
        (folder / "empty.html").write_text('<!doctype html><title>empty</title><div id="unit"><h2>none</h2></div>')
        n_spikes = len(curation.units.spike_times_s.values)
        print(f"{given.units} units, {n_spikes:,} spikes: {page.stat().st_size / 1e6:.2f} MB, made in {made:.2f} s")
        times = _open({"report": page, "empty page": folder / "empty.html"}, times=given.times)
        for what, seconds in times.items():
            spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
            print(f"{what:<12} median {statistics.median(seconds):.3f} s ({spread}, n = {len(seconds)})")
        difference = statistics.median(times["report"]) - statistics.median(times["empty page"])
        print(f"report less empty page: {difference:.3f} s")


def _open(pages: dict[str, Path], *, times: int) -> dict[str, list[float]]:
    """Open the pages in turn, each time in a new tab, until a unit is shown."""
    import shutil

    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = {name: [] for name in pages}
    with sync_playwright() as playwright:
        options: dict[str, Any] = {"executable_path": shutil.which("chromium"), "args": list(QUIET)}
        browser = playwright.chromium.launch(**options)
        for _ in range(times + 1):
            for name, page in pages.items():
                tab = browser.new_page(viewport={"width": 1400, "height": 900})
                start = time.perf_counter()
                tab.goto(page.as_uri())
                tab.wait_for_selector("#unit h2")
                found[name].append(time.perf_counter() - start)
                tab.close()
        browser.close()
    return {name: seconds[1:] for name, seconds in found.items()}  # the first warms the browser up


if __name__ == "__main__":
    main()

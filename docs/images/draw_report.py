"""Draw report.png: the report of a simulated session, in headless Chromium.

    python docs/images/draw_report.py

Needs Chromium and the packages playwright and pillow.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from nwb_unitrefine import curate, load_model
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.report import session_data, write_page

UNIT = 26


def main() -> None:
    """Simulate, label, open the page at one unit, and keep the picture with 64 colours."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        session, page = Path(folder, "session.nwb"), Path(folder, "report.html")
        simulate_session(session)
        model = load_model("default")
        write_page(session_data(curate(session, model=model), model=model), page)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1240, "height": 780})
        tab.goto(page.as_uri())
        tab.wait_for_selector("#unit h2")
        tab.get_by_role("cell", name=str(UNIT), exact=True).first.click()
        picture = Image.open(io.BytesIO(tab.screenshot()))
        browser.close()
    picture.convert("RGB").quantize(64).save(Path(__file__).with_name("report.png"), optimize=True)


if __name__ == "__main__":
    main()

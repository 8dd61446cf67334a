"""Draw the pictures of pages: report.png and review.png of a simulated session, review.webp of a review of a real one.

    python docs/images/draw_pages.py [brody_T181_2018_06_08_idle_bank1.nwb]

Without the file, review.webp is left as it is. Needs Chromium, playwright, pillow and the extra review.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from nwb_unitrefine import curate, load_model
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.report import session_data, write_page

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
UNIT = 26
SIZE = {"width": 1240, "height": 780}
FILM = {"width": 1100, "height": 690}
TERMINAL = (
    '<body style="margin:0;background:#12161d;color:#e8ecf2;font:17px/1.55 DejaVu Sans Mono,monospace">'
    '<pre style="padding:1.2rem;margin:0;white-space:pre-wrap">{}</pre></body>'
)


def main() -> None:
    """Draw what can be drawn."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        session = Path(folder, "session.nwb")
        simulate_session(session)
        _draw_report(browser, session)
        _draw_review(browser, session)
        if len(sys.argv) > 1:
            _film_review(browser, Path(sys.argv[1]), Path(folder))
        browser.close()


def _draw_report(browser: Any, session: Path) -> None:
    """The report, open at one unit."""
    model = load_model("default")
    page = session.with_name("report.html")
    write_page(session_data(curate(session, model=model), model=model), page)
    tab = browser.new_page(viewport=SIZE)
    tab.goto(page.as_uri())
    tab.wait_for_selector("#unit h2")
    tab.get_by_role("gridcell", name=str(UNIT), exact=True).first.click()
    _save(tab, "report.png")


def _draw_review(browser: Any, session: Path) -> None:
    """A review with some answers, in dark colours."""
    with _reviewed(session, "--n", "20") as address:
        tab = browser.new_page(viewport=SIZE, color_scheme="dark")
        tab.goto(address)
        expect(tab.locator("#state")).to_contain_text("not yet written", timeout=60_000)
        for key in "smsnsm":
            _press(tab, key)
        _save(tab, "review.png")


def _save(tab: Any, name: str) -> None:
    """Keep what a tab shows, with 64 colours."""
    picture = Image.open(io.BytesIO(tab.screenshot()))
    picture.convert("RGB").quantize(64).save(HERE / name, optimize=True)
    tab.close()


@contextmanager
def _reviewed(path: Path, *options: str) -> Iterator[str]:
    """Serve a review, and give its address."""
    command = [sys.executable, "-m", "nwb_unitrefine", "review", str(path), "--by", "A. Curator", "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - our own command
    try:
        assert server.stdout is not None
        yield re.findall(r"http://\S+", server.stdout.readline())[0]
    finally:
        server.terminate()
        server.wait()


def _press(tab: Any, key: str) -> None:
    """Answer about the chosen unit, and wait until the answer is kept."""
    unit = tab.get_attribute("#units tr[aria-selected=true]", "data-unit")
    tab.keyboard.press(key)
    expect(tab.locator("#state")).to_contain_text(f"Unit {unit}: ", timeout=60_000)


def _film_review(browser: Any, source: Path, folder: Path) -> None:
    """Film twenty answers by keys, the adaptation that they lead to, and the labels that it changed.

    The answers follow a rule, so that anybody can film it again: noise where the model says so, a single unit where the
    model and the refractory period agree, and a multi-unit otherwise.
    """
    path = folder / source.name
    shutil.copyfile(source, path)
    curation = curate(path)
    violations = curation.features.select(["isi_violations_ratio@0.101"]).values[:, 0]
    labels = curation.predictions.labels.tolist()
    keys = {
        str(unit): "n" if label == "noise" else "s" if label == "sua" and share <= 0.05 else "m"
        for unit, label, share in zip(curation.units.unit_ids.tolist(), labels, violations.tolist(), strict=True)
    }
    frames: list[tuple[Image.Image, int]] = []
    terminal = browser.new_page(viewport=FILM)
    page = browser.new_page(viewport=FILM)

    def typed(text: str, seconds: float) -> None:
        terminal.set_content(TERMINAL.format(escape(text)))
        frames.append((_picture(terminal), round(1000 * seconds)))

    labelled = _run(folder, "label", path.name).splitlines()[-1]
    first = f"$ nwb-unitrefine label {path.name}\n{labelled}\n"
    command = f'{first}$ nwb-unitrefine review {path.name} --by "A. Curator" --n 20\n'
    with _reviewed(path, "--n", "20") as address:
        typed(f"{command}Review at {address}", 2.5)
        page.goto(address)
        expect(page.locator("#state")).to_contain_text("not yet written", timeout=60_000)
        frames.append((_picture(page), 1800))
        for number in range(20):
            _press(page, keys[page.get_attribute("#units tr[aria-selected=true]", "data-unit")])
            frames.append((_picture(page), 500 if number % 19 else 1500))
        page.keyboard.press("a")
        page.wait_for_selector("dialog[open]")
        changed = page.locator("dialog .changes tbody td:first-child").all_inner_texts()
        frames.append((_picture(page), 5000))
        page.click("dialog button:first-of-type")
        expect(page.locator("#state")).to_contain_text("Written as run_0003", timeout=60_000)
        page.fill("#filter", "")
        page.evaluate("(id) => page.choose(session.units.find((one) => String(one.id) === id))", changed[0])
        frames.append((_picture(page), 3000))
    shown = "\n".join(_run(folder, "history", path.name, "--diff", "1", "3").splitlines()[:20])
    typed(f"$ nwb-unitrefine history {path.name} --diff 1 3\n{shown}", 4.0)
    pictures = [picture for picture, _ in frames]
    pictures[0].save(
        HERE / "review.webp", save_all=True, append_images=pictures[1:], duration=[ms for _, ms in frames],
        loop=0, quality=35, method=6, minimize_size=True, allow_mixed=True,
    )  # fmt: skip
    print(f"{len(changed)} labels changed; review.webp: {(HERE / 'review.webp').stat().st_size / 1000:.0f} kB")  # noqa: T201 - a script


def _run(folder: Path, *words: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "nwb_unitrefine", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own


def _picture(tab: Any) -> Image.Image:
    return Image.open(io.BytesIO(tab.screenshot())).convert("RGB")


if __name__ == "__main__":
    main()

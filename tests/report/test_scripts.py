"""What the files of the page's script do, one by one, in Chromium."""

from __future__ import annotations

import base64
import copy
from importlib.resources import files

import pytest

from helpers.browser import Watched
from nwb_unitrefine import curate, load_model
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.report import ReportRow, render_page, review_page, session_data, write_overview
from nwb_unitrefine.report.html import page_file

pytestmark = pytest.mark.slow  # a browser is started


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    simulate_session(folder / "demo.nwb", n_units=12, duration_s=120.0)
    model = load_model("default")
    return session_data(curate(folder / "demo.nwb", model=model), model=model)


@pytest.fixture
def show(chromium, tmp_path):
    """Open the page of some session data; whatever goes wrong in it fails the test."""
    opened = []

    def open_page(data, **options):
        place = tmp_path / f"{len(opened)}.html"
        place.write_text(render_page(data), encoding="utf-8")
        watched = Watched(chromium.new_page(viewport={"width": 1400, "height": 900}, **options))
        opened.append(watched)
        watched.page.goto(place.as_uri())
        return watched.page

    yield open_page
    for watched in opened:
        watched.page.close()
        assert watched.errors == []


def test_a_page_of_tables_has_its_style_and_scrolls(chromium, tmp_path):
    """Of several files, or of a study: the page admits its own style alone, and all of its rows can be reached."""
    rows = [ReportRow(f"{name}.nwb", "", {}, 0, "<script>document.title = 'x'</script>") for name in range(200)]
    watched = Watched(chromium.new_page(viewport={"width": 1400, "height": 900}))
    page = watched.page
    page.goto(write_overview(rows, tmp_path / "all.html").as_uri())
    assert page.title() == "Units of several files"
    assert page.evaluate("getComputedStyle(document.querySelector('main')).overflowY") == "auto"
    page.locator("tbody tr").last.scroll_into_view_if_needed()
    assert page.locator("tbody tr").last.is_visible()
    page.close()
    assert watched.errors == []


def test_every_script_is_part_of_a_page():
    """A file of the page that no list names would be dead."""
    page = review_page()
    scripts = [
        one.name for one in files("nwb_unitrefine.report").joinpath("page").iterdir() if one.name.endswith(".js")
    ]
    assert len(scripts) > 10
    assert [name for name in scripts if page_file(name) not in page] == []


def test_elements_put_numbers_into_words(show, data):
    """Numbers have four digits, counts their plural, and extents are of any number of values."""
    page = show(data)
    found = page.evaluate(
        "[...[null, 0, 123456, 1.23456, 0.00001].map(elements.significant),"
        " elements.several(1, 'unit'), elements.several(1234, 'unit'),"
        " elements.moment('2026-11-26T00:33:03+00:00'), ...elements.extent(Array.from({length: 200000}, (_, i) => -i))]"
    )
    assert found[:5] == ["missing", "0", "1.23e+5", "1.235", "1.00e-5"]
    assert found[5:] == ["1 unit", "1,234 units", "2026-11-26 00:33 UTC", -199999, 0]


def test_drawing_rounds_scale_bars_down(show, data):
    """A scale bar is 1, 2 or 5 times a power of ten, and no longer than what it measures."""
    page = show(data)
    assert page.evaluate("[0.7, 1, 19, 49, 0.03, 5000].map(drawing.roundNumber)") == [0.5, 1, 10, 20, 0.02, 5000]


def test_a_session_colours_by_class_and_hides_what_is_blind(show, data):
    """Labels have the colour of their class; a hidden label neither colours nor filters."""
    page = show(data)
    own = page.evaluate("[session.unitColour(session.units[0]), session.classColour(session.units[0].label)]")
    assert own[0] == own[1]
    hidden = page.evaluate(
        "(() => { session.hideModel = () => true; const unit = session.units[0];"
        " return [session.unitColour(unit) === drawing.colour('--soft'), session.inEffect(unit)]; })()"
    )
    assert hidden == [True, ""]


def test_channels_stand_where_they_are_on_the_probe(show, data):
    """Columns follow the position across, lines the depth; without positions, four stand in a row."""
    page = show(data)
    places = page.evaluate(
        "placePictures.channelPlaces([2, 0, 1, -1], { x_um: [0, 32, 0], y_um: [0, 0, 20] })"
        ".map((one) => one && [one.column, one.line])"
    )
    assert places == [[0, 0], [0, 1], [1, 1], None]
    rows = page.evaluate(
        "placePictures.channelPlaces([0, 1, 2, 3, 4], { x_um: [], y_um: [] }).map((one) => [one.column, one.line])"
    )
    assert rows == [[0, 0], [1, 0], [2, 0], [3, 0], [0, 1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 12), ("nonsense", 0), ("spikes>0", 12), ("spikes<0", 0), ("0", 1), ("person", 0), ("margin>=0 margin<=1", 12),
     ("  ,, ", 12)],
)  # fmt: skip
def test_the_table_filters_by_words(show, data, text, expected):
    """Words are an id, a label, a flag, a region or group, or a comparison, and all have to fit."""
    page = show(data)
    assert (
        page.evaluate("(text) => session.units.filter(unitTable.filterOf(text, session.data.classes)).length", text)
        == expected
    )


def test_units_with_few_spikes_come_after_those_with_evidence(show, data):
    """The least certain units come first, but one of five spikes is uncertain for want of evidence, and comes last."""
    changed = copy.deepcopy(data)
    changed["units"]["margin"] = [0.0, 0.9, *[0.5] * 10]
    changed["units"]["spikes"] = [5, *[1000] * 11]
    page = show(changed)
    ids = page.locator("#units tbody tr").evaluate_all("all => all.map((one) => one.dataset.unit)")
    assert ids[-2:] == [str(changed["units"]["id"][1]), str(changed["units"]["id"][0])]


def test_a_filter_by_label_takes_any_spelling_of_the_classes(show, data):
    """Classes with capitals and blanks are found as they are typed."""
    changed = {**data, "classes": ["Good", "mua", "noise"]}
    changed["units"] = {**data["units"], "label": ["Good"] * 12}
    page = show(changed)
    page.fill("#filter", "good")
    assert page.inner_text("#count") == "12 units"


def test_every_label_of_a_review_has_a_key_of_its_own(chromium, tmp_path):
    """The usual letters, then a free letter of the word, then figures; no key is an act's."""
    place = tmp_path / "review.html"
    place.write_text(review_page().replace("review.start", "(() => {})"), encoding="utf-8")
    page = chromium.new_page()
    page.goto(place.as_uri())
    script = page_file("review_keys.js")
    keys = page.evaluate(
        f"(words) => {{ {script} return reviewKeys.forWords(words); }}",
        ["sua", "mua", "noise", "axon", "non_soma", "caj", "ä"],
    )
    assert keys == {"s": "sua", "m": "mua", "n": "noise", "x": "axon", "o": "non_soma", "1": "caj", "2": "ä"}
    page.close()


HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "\u202egnp.exe",
    "<b>bold</b>",
    "x" * 10_000,
    "\u0000\u2028\ud83d\ude00",
    "a\nb\tc",
]


def test_hostile_names_stay_text_and_break_no_layout(show, data):
    """Ids, regions, groups, notes and remarks of a file are text in their own direction, however long they are."""
    changed = copy.deepcopy(data)
    changed["units"]["id"][: len(HOSTILE)] = HOSTILE
    changed["units"]["region"] = (HOSTILE * 2)[:12]
    changed["units"]["group"] = (HOSTILE[::-1] * 2)[:12]
    changed["units"]["remark"] = (HOSTILE * 2)[:12]
    changed["file"]["name"] = changed["file"]["subject_id"] = HOSTILE[0] + "y" * 500
    changed["problems"] = [{"code": "x", "what": HOSTILE[0] + HOSTILE[3], "units": HOSTILE[:2], "n": 2}]
    changed["history"] = [
        {
            "name": "run_0001",
            "kind": "human",
            "agent": HOSTILE[0],
            "created": "now",
            "note": HOSTILE[3],
            "n": 1,
            "undoes": "",
        }
    ]
    page = show(changed)
    page.evaluate("(() => { window.alert = () => { throw new Error('code of a name has run'); }; })()")
    for _ in HOSTILE:
        page.keyboard.press("j")
    for tab in ("summary", "provenance", "units"):
        page.click(f"#tab-{tab}")
        assert page.locator("img, b").count() == 0
        wide = page.evaluate(
            "Math.max(...['html', '#view-summary', '#view-provenance', '#unit']"
            ".map((one) => document.querySelector(one).scrollWidth))"
        )
        assert wide <= 1400
    assert page.locator("#units tbody tr").count() == 12


def test_a_file_without_units_is_reported(show, data):
    """No table, no figure and no error, but a sentence."""
    empty = copy.deepcopy(data)
    for name in empty["units"]:
        empty["units"][name] = [[], [], []] if name == "probability" else []
    empty["evidence"]["changes"] = [[] for _ in empty["evidence"]["names"]]
    for feature in empty["features"]["columns"]:
        feature["values"] = []
    empty["agreement"] = []
    page = show(empty)
    assert page.inner_text("#unit") == "The file has no units."
    page.click("#tab-summary")
    assert "no units" in page.inner_text("#view-summary")


def test_a_unit_alone_without_waveform_position_or_label_is_shown(show, data):
    """What is missing is said, and nothing is divided by nothing."""
    alone = copy.deepcopy(data)
    for name, values in alone["units"].items():
        alone["units"][name] = [one[:1] for one in values] if name == "probability" else values[:1]
    alone["units"] |= {"label": [""], "probability": [[None]] * 3, "margin": [None], "depth_um": [None], "x_um": [None]}
    alone["waveforms"]["largest"] = [None]
    alone["spikes"]["session_s"] = [0.0, 0.0]
    page = show(alone)
    assert "no label" in page.inner_text("#unit h2")
    assert "no mean waveform of this unit" in page.inner_text("#unit")
    page.click("#tab-summary")
    assert "No unit has a label." in page.inner_text("#view-summary")


def test_a_thousand_units_are_sorted_and_stepped_through(show, data):
    """The table of a thousand units is as usable as that of twelve."""
    many = copy.deepcopy(data)
    times = 84
    for name, values in many["units"].items():
        many["units"][name] = [one * times for one in values] if name == "probability" else values * times
    many["units"]["id"] = list(range(12 * times))
    many["evidence"]["changes"] = [values * times for values in many["evidence"]["changes"]]
    for feature in many["features"]["columns"]:
        feature["values"] = feature["values"] * times
    many["agreement"] = []
    many["waveforms"] = None
    for name in ("autocorrelogram", "intervals", "rate"):
        picture = many["spikes"][name]
        picture["largest"] = picture["largest"] * times
        picture["bytes"] = base64.b64encode(base64.b64decode(picture["bytes"]) * times).decode()
    page = show(many)
    page.click("#units th[data-column=unit] button")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    assert page.locator("#units tbody tr").count() == 12 * times
    assert page.get_attribute("#units tr[aria-selected=true]", "data-unit") is not None


def test_the_score_that_decided_is_shown_where_the_label_is_not_the_most_probable(show, data):
    """A label that weighs classes is no fault of the page: the scores that decided are stated."""
    changed = copy.deepcopy(data)
    changed["units"]["decided"][0] = "Decided by probability relative to the class's share: sua 0.60, mua 0.40."
    page = show(changed)
    page.evaluate("page.choose(session.units[0])")
    assert "Decided by probability relative to the class's share: sua 0.60, mua 0.40." in page.inner_text("#unit")
    page.evaluate("page.choose(session.units[1])")
    assert "Decided by" not in page.inner_text("#unit")


def test_thresholds_of_rules_are_a_table(show, data):
    """Every threshold stands with the unit's value and outcome, and the summary counts the units that fail each."""
    ruled = copy.deepcopy(data)
    ruled["evidence"] = {"names": [], "changes": [], "note": ""}
    ruled["units"]["probability"] = [[None] * 12] * 3
    ruled["thresholds"] = [
        {
            "threshold": "snr >= 5",
            "class": "good",
            "values": [3.2] * 6 + [9.0] * 5 + [None],
            "outcomes": "ffffffpppppn",
        },
    ]
    page = show(ruled)
    page.evaluate("page.choose(session.units[0])")
    assert "snr >= 5\tgood\t3.2\tfailed" in page.inner_text("#unit")
    assert page.locator("#units th[data-column=probability]").count() == 0
    page.click("#tab-summary")
    assert "snr >= 5\tgood\t6\t1" in page.inner_text("#view-summary")


def test_rounds_of_answers_have_their_scores(show, data):
    """Each round states who, when, how many, and the held-out scores before and after, or why there are none."""
    scores = {"n_units": 40, "balanced_accuracy": [0.5, 0.7], "accuracy": [0.6, 0.65], "gain": [0.05, -0.01, 0.12]}
    round_ = {
        "number": 1,
        "by": "A",
        "when": "2026-11-26T10:00:00+00:00",
        "run": "run_0001",
        "n_answers": 3,
        "n_scored": 0,
        "scores": None,
        "why": "not scored: 3 labels",
    }
    page = show(
        {
            **data,
            "rounds": [round_, {**round_, "number": 2, "n_answers": 37, "n_scored": 40, "scores": scores, "why": ""}],
        }
    )
    page.click("#tab-provenance")
    text = page.inner_text("#view-provenance")
    assert "not scored: 3 labels" in text
    assert "37\t40\t0.50 → 0.70\t0.60 → 0.65\t+0.05 (−0.01 to +0.12)" in text


def test_printing_shows_the_units_that_the_filter_chose_in_the_colours_of_paper(show, data):
    """On paper each filtered unit has painted pictures, and so has the summary; then the screen is as before."""
    page = show(data, color_scheme="dark")
    page.fill("#filter", "spikes>0")
    ink = page.evaluate("drawing.colour('--ink')")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#printed article").count() == 12
    painted = page.locator("#printed figure canvas, #view-summary canvas").evaluate_all(
        "all => all.map((one) => one.getContext('2d')"
        ".getImageData(0, 0, one.width, one.height).data.some((x) => x > 0))"
    )
    assert len(painted) > 12 * 3
    assert all(painted)
    assert page.evaluate("drawing.colour('--ink')") == "#000"
    assert "For a methods section" in page.text_content("#view-provenance")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("#printed article").count() == 0
    assert page.evaluate("drawing.colour('--ink')") == ink
    assert page.pdf().startswith(b"%PDF")

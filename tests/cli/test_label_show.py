"""What `label` and `show` print, for people and for programs."""

from __future__ import annotations

import json
import re

import h5py
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.cli import main


@pytest.fixture
def files(tmp_path):
    """A folder with two sessions and one file that is none."""
    for seed, name in enumerate(("a.nwb", "b.nwb")):
        write_nwb(tmp_path / name, make_session(n_units=4, seed=seed))
    (tmp_path / "broken.nwb").write_bytes(b"not a file of units")
    return tmp_path


@pytest.mark.slow
def test_one_bad_file_does_not_stop_the_rest(files, capsys: pytest.CaptureFixture[str]) -> None:
    """Of three files, two are labelled and one is refused; each is a row, and the exit code is 1."""
    assert main(["label", str(files)]) == 1
    printed = capsys.readouterr()
    assert "3 sources, 1 refused" in printed.out
    assert printed.out.count("written") == 2
    assert "broken.nwb" in printed.err
    assert main(["verify", str(files / "a.nwb")]) == main(["verify", str(files / "b.nwb")]) == 0


@pytest.mark.slow
def test_a_file_unlike_training_is_named_among_several(files, capsys: pytest.CaptureFixture[str]) -> None:
    """Its sentence stands on standard error with its name, its row is marked, and JSON has it among the problems."""
    long = make_session(n_units=4, duration_s=3600.0, rate_hz=2.0)  # a short one is unlike the training by its length
    sources = [str(write_nwb(files / name, long)) for name in ("long_a.nwb", "long_b.nwb")]
    with h5py.File(sources[1], "r+") as file:
        file["units/waveform_mean"].attrs["sampling_rate"] = 5000.0
    assert main(["label", *sources, "--dry-run"]) == 0
    printed = capsys.readouterr()
    (line,) = (line for line in printed.err.splitlines() if "unlike what" in line)
    assert line.startswith(f"warning: {sources[1]}: The data is unlike what unitrefine-default was trained on")
    assert ["unlike training" in line for line in printed.out.splitlines() if ".nwb" in line] == [False, True]
    assert main(["label", *sources, "--dry-run", "--json"]) == 0
    for document, is_unlike in zip(json.loads(capsys.readouterr().out), (False, True), strict=True):
        assert any(problem["code"] == "model.other-data" for problem in document["problems"]) is is_unlike


@pytest.mark.slow
def test_dry_run_prints_the_same_and_writes_nothing(files, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run prints every label and leaves the bytes of the file."""
    path = files / "a.nwb"
    before = path.read_bytes()
    assert main(["label", str(path), "--dry-run", "--json"]) == 0
    (dry,) = json.loads(capsys.readouterr().out)
    assert path.read_bytes() == before
    assert main(["label", str(path), "--json"]) == 0
    (wet,) = json.loads(capsys.readouterr().out)
    assert wet["units"] == dry["units"]
    assert (dry["written"], wet["written"]["run"]) == (None, "run_0001")


def test_output_makes_a_labelled_copy_and_leaves_the_source(files, capsys: pytest.CaptureFixture[str]) -> None:
    """With --output the source keeps its bytes and the copy verifies; an existing file is not replaced."""
    source, copy = files / "a.nwb", files / "copy.nwb"
    before = source.read_bytes()
    assert main(["label", str(source), "--output", str(copy)]) == 0
    assert source.read_bytes() == before
    assert main(["verify", str(copy)]) == 0
    assert main(["label", str(source), "--output", str(copy)]) == 1
    assert "exists" in capsys.readouterr().err


def test_show_shows_labels_remarks_and_history(files, capsys: pytest.CaptureFixture[str]) -> None:
    """Before a file is labelled `show` says what to do, afterwards it has a row for each unit and each run."""
    path = str(files / "a.nwb")
    assert main(["show", path]) == 0
    assert "No curation yet" in capsys.readouterr().out
    assert main(["label", path]) == 0
    capsys.readouterr()
    assert main(["show", path, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["units"]) == 4
    assert [run["name"] for run in document["runs"]] == ["run_0001"]
    assert main(["show", path]) == 0
    assert "unitrefine-default" in capsys.readouterr().out


@pytest.mark.slow
def test_labels_of_the_file_are_compared_with_ours(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column of labels that a curator set is shown beside ours, with how its values were read and kappa."""
    path = tmp_path / "demo.nwb"
    assert main(["demo", "--output", str(path)]) == 0
    capsys.readouterr()
    assert main(["show", str(path), "--json"]) == 0
    agreement = json.loads(capsys.readouterr().out)["agreement"]["ground_truth"]
    assert agreement["meaning"] == {"mua": "mua", "noise": "noise", "sua": "sua"}
    assert agreement["n_units"] == 48
    assert agreement["kappa"] > 0.8
    assert main(["show", str(path)]) == 0
    text = capsys.readouterr().out
    assert re.search(r"ground_truth +labelled sua +labelled mua +labelled noise", text)
    assert "In ground_truth" not in text  # whose words are those of the classes
    assert re.search(r" % of 48 units have the same label, kappa (1|0\.\d+)\.", text)


@pytest.mark.slow
def test_words_of_a_column_that_are_not_those_of_the_classes_are_explained(
    tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a curator's good and unsorted were taken for stands beside how far labels agree."""
    words = ["good", "mua", "unsorted", "good"]
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=4), columns={"quality": words})
    assert main(["label", str(path), "--dry-run"]) == 0
    assert "In quality, good means sua, unsorted means no class. " in capsys.readouterr().out


@pytest.fixture
def corrected(tmp_path, capsys: pytest.CaptureFixture[str]):
    """The simulated session, whose unit 0, plainly noise, somebody called a single unit."""
    path = str(tmp_path / "demo.nwb")
    assert main(["demo", "--output", path]) == 0
    assert main(["relabel", path, "--unit", "0=sua", "--by", "Ada"]) == 0
    capsys.readouterr()
    return path


@pytest.mark.slow
def test_our_own_labels_are_nobody_elses(corrected, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels that runs wrote are not compared with ours, in a dry run or in another pair of columns either."""
    for options in (["--dry-run"], ["--columns", "quality"], ["--dry-run"], []):
        assert main(["label", corrected, *options, "--json"]) == 0
        (document,) = json.loads(capsys.readouterr().out)
        assert list(document["agreement"]) == ["ground_truth"]


@pytest.mark.slow
def test_a_column_that_is_replaced_is_compared_for_the_last_time(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another program's labels that this very run replaces are still shown beside ours."""
    path = write_nwb(
        tmp_path / "a.nwb", make_session(n_units=4), columns={"quality_label": ["sua", "mua", "mua", "noise"]}
    )
    options = ["--columns", "quality", "--overwrite-column", "quality_label"]
    for expected in (["quality_label"], []):
        assert main(["label", str(path), *options, "--json"]) == 0
        (document,) = json.loads(capsys.readouterr().out)
        assert list(document["agreement"]) == expected


@pytest.mark.slow
@pytest.mark.parametrize("dry_run", [True, False])
def test_label_counts_and_shows_what_stands_in_the_file(
    corrected, capsys: pytest.CaptureFixture[str], *, dry_run: bool
) -> None:
    """A person's label is shown and counted in place of the model's, with who set it, and has no probability."""
    options = ["--dry-run"] if dry_run else []
    assert main(["label", corrected, *options, "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"sua": 21, "mua": 19, "noise": 8, "unlabelled": 0}
    unit = document["units"][0]
    assert (unit["label"], unit["probability"], unit["reason"]) == ("sua", None, "set by Ada")
    assert unit["p_noise"] > 0.8
    assert main(["label", corrected, *options]) == 0
    printed = capsys.readouterr().out
    assert "set by Ada" in printed
    assert "21 sua, 19 mua, 8 noise" in printed
    assert main(["label", corrected, *options, "--replace-human", "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert (document["counts"]["sua"], document["units"][0]["reason"]) == (20, "")


@pytest.mark.slow
def test_show_names_who_set_a_label(corrected, capsys: pytest.CaptureFixture[str]) -> None:
    """Before and after a later run of a model, a person's label stands with their name and without a probability."""
    for _ in range(2):
        assert main(["show", corrected, "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["units"]
        assert (rows[0]["label"], rows[0]["probability"], rows[0]["remark"]) == ("sua", None, "set by Ada")
        assert rows[3]["probability"] is not None
        assert main(["label", corrected]) == 0
        capsys.readouterr()


@pytest.mark.slow
def test_the_sorters_id_stands_beside_the_units(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a column says that units had other ids in the sorter's output, tables show both; elsewhere one."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=3))
    for command in (["show"], ["label", "--dry-run"]):
        assert main([*command, str(path)]) == 0
        assert "sorter's id" not in capsys.readouterr().out
    path = write_nwb(tmp_path / "b.nwb", make_session(n_units=3), columns={"original_cluster_id": [57, 103, 7]})
    for command in (["show"], ["label", "--dry-run"]):
        assert main([*command, str(path)]) == 0
        printed = capsys.readouterr().out
        assert "sorter's id" in printed
        assert "103" in printed


@pytest.mark.slow
def test_a_damaged_history_does_not_stop_the_rest(files, capsys: pytest.CaptureFixture[str]) -> None:
    """In a dry run, too, a file whose runs cannot be read is refused by name, and the next one is labelled."""
    (files / "broken.nwb").unlink()
    assert main(["label", str(files)]) == 0
    with h5py.File(files / "a.nwb", "a") as file:
        file["general/unit_curation/run_0001"].attrs["kind"] = "weather"
    capsys.readouterr()
    assert main(["label", str(files), "--dry-run", "--json"]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert "the curation run 'run_0001' is not as ndx-unit-curation describes it" in first["error"]
    assert len(second["units"]) == 4


@pytest.mark.slow
def test_units_are_chosen_and_sorted_by_label_and_probability(corrected, capsys: pytest.CaptureFixture[str]) -> None:
    """Only units of the label are shown, the surest first; a label that a person set is the surest of all."""
    assert main(["show", corrected, "--label", "sua", "--certain", "--sort", "probability", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["units"]
    assert {row["label"] for row in rows} == {"sua"}
    assert len(rows) == 17, "of 21, four are marked: contamination is not excluded"
    assert (rows[0]["unit"], rows[0]["remark"]) == (0, "set by Ada")
    probabilities = [row["probability"] for row in rows[1:]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert main(["show", corrected, "--label", "sua", "--label", "noise"]) == 0
    assert "29 of 48 units" in capsys.readouterr().out
    assert main(["show", corrected, "--sort", "spikes", "--json"]) == 0
    spikes = [row["spikes"] for row in json.loads(capsys.readouterr().out)["units"]]
    assert spikes == sorted(spikes, reverse=True)


def test_uncertain_units_are_left_out_when_asked(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """A unit with a handful of spikes has an uncertain label, which `--certain` leaves out."""
    path = str(write_nwb(tmp_path / "a.nwb", make_session(n_units=4, duration_s=0.8)))
    assert main(["label", path]) == 0
    capsys.readouterr()
    assert main(["show", path, "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)["units"]
    assert main(["show", path, "--certain", "--json"]) == 0
    certain = json.loads(capsys.readouterr().out)["units"]
    assert certain == [row for row in everything if not row["uncertain"] and row["label"] != "–"]
    assert len(certain) < len(everything)


def test_what_the_columns_hold_is_shown_before_a_file_is_labelled(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels of a curator are counted, with what they are read as; numbers are summed up; other columns described."""
    columns = {"group": ["good", "mua", "good", "noise"], "depth": [1.0, 2.5, 3.0, float("nan")]}
    path = str(write_nwb(tmp_path / "a.nwb", make_session(n_units=4), columns=columns))
    assert main(["show", path, "--json"]) == 0
    described = {one["column"]: one for one in json.loads(capsys.readouterr().out)["columns"]}
    assert described["group"]["holds"] == "good: 2, mua: 1, noise: 1"
    assert "good = sua" in described["group"]["labels"]
    assert main(["show", path]) == 0
    printed = capsys.readouterr().out
    assert "Columns of the file" in printed
    assert printed.count("good") >= 3, "two units and the column"
    assert main(["show", path, "--label", "sua"]) == 1
    assert main(["label", path]) == 0
    capsys.readouterr()
    assert main(["show", path, "--json"]) == 0
    assert "unitrefine_label" not in [one["column"] for one in json.loads(capsys.readouterr().out)["columns"]]


def test_show_chooses_units_by_the_contamination_that_is_excluded(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--contamination-below` keeps units whose upper bound is smaller, and shows estimate and bound."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=6, duration_s=600.0))
    assert main(["show", str(path), "--json", "--contamination-below", "1"]) == 0
    rows = json.loads(capsys.readouterr().out)["units"]
    assert rows
    assert all(0 <= row["contamination"] <= row["contamination_upper"] < 1 for row in rows)
    limit = sorted(row["contamination_upper"] for row in rows)[len(rows) // 2]
    assert main(["show", str(path), "--json", "--contamination-below", str(limit)]) == 0
    fewer = json.loads(capsys.readouterr().out)["units"]
    assert [row["unit"] for row in fewer] == [row["unit"] for row in rows if row["contamination_upper"] < limit]

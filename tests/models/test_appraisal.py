"""What was measured about a model besides its own scores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from helpers.labelled import make_dataset
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.learn import BoostedTrees, train_model
from nwb_unitrefine.models import load_model
from nwb_unitrefine.models.appraisal import (
    Appraisal,
    Estimate,
    OtherWay,
    Person,
    Spread,
    read_appraisal,
    write_appraisal,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small model."""
    learner = BoostedTrees(members=1, rounds=4, leaves=4, smallest_leaf=5)
    train_model(make_dataset(), learner=learner, output=tmp_path / "model", seed=1)
    return tmp_path / "model"


def make_appraisal(digest: str) -> Appraisal:
    """One of everything."""
    estimate = Estimate(value=0.735, low=0.7, high=0.77)
    return Appraisal(
        model=digest,
        protocol="Each mouse left out once.",
        command="python measure.py",
        others=(
            OtherWay(
                name="a stronger forest",
                scores={"mean_balanced_accuracy": estimate},
                difference={"mean_balanced_accuracy": Estimate(value=0.028)},
            ),
        ),
        person=Person(against="the majority", recordings=("r1",), n_units=783, scores={"balanced_accuracy": estimate}),
        spreads=(
            Spread(
                what="the mice in training", score="balanced_accuracy", values={"a": 0.734, "b": 0.796}, note="Far."
            ),
        ),
        not_measured=("Other species.",),
    )


def test_it_changes_neither_the_model_nor_its_digest(folder: Path) -> None:
    """Files that were labelled before it was measured record the same model; the card and `read_appraisal` have it."""
    before = load_model(folder).identity
    untouched = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "README.md"}
    write_appraisal(folder, make_appraisal(before.digest))
    assert load_model(folder).identity == before
    assert {name: (folder / name).read_bytes() for name in untouched} == untouched
    assert read_appraisal(folder, digest=before.digest) == make_appraisal(before.digest)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "**a stronger forest**: mean balanced accuracy 0.735 (0.700 to 0.770)." in card
    assert "This model minus it: mean balanced accuracy 0.028." in card
    assert "**One person** against the majority, 783 units of r1: balanced accuracy 0.735" in card
    assert "0.734 to 0.796, over 2 (a 0.734, b 0.796). Far." in card
    assert "- Other species." in card
    assert "By recording, the mean and the range:" in card
    again = train_model(make_dataset(n_units=90), learner=BoostedTrees(members=1, rounds=2), output=folder,
                        overwrite=True, validate=False)  # fmt: skip
    assert again.path == folder
    assert not (folder / "appraisal.json").exists()


def test_it_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People get tables, and programs the document; a model without one has none."""
    assert main(["model", "show", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"][0]["appraisal"] is None
    appraisal = make_appraisal(load_model(folder).identity.digest)
    write_appraisal(folder, appraisal)
    assert main(["model", "show", str(folder)]) == 0
    printed = capsys.readouterr().out
    for part in ("By recording", "a stronger forest", "One person against the majority", "Far.", "Other species."):
        assert part in printed
    assert main(["model", "show", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["steps"][0]["appraisal"]
    assert Appraisal.model_validate(document) == appraisal


def test_that_of_another_model_is_refused(folder: Path) -> None:
    """It would vouch for what was never measured; neither is one written that is not an appraisal."""
    other = make_appraisal(f"sha256:{'0' * 64}")
    with pytest.raises(ModelError, match="another model"):
        write_appraisal(folder, other)
    (folder / "appraisal.json").write_text(other.to_json(), encoding="utf-8")
    digest = load_model(folder).identity.digest
    with pytest.raises(ModelError, match="is about another model"):
        read_appraisal(folder, digest=digest)
    for text in ("", "[]", '{"model": 3}', other.to_json().replace("protocol", "protocoll")):
        (folder / "appraisal.json").write_text(text, encoding="utf-8")
        with pytest.raises(ModelError, match="not an appraisal") as caught:
            read_appraisal(folder, digest=digest)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("interval", [{"low": 0.1}, {"low": 0.2, "high": 0.1}])
def test_an_interval_has_two_ends_in_order(interval: dict[str, float]) -> None:
    """A half or reversed one is a slip of whoever wrote it."""
    with pytest.raises(ValidationError, match="low and a high end"):
        Estimate(value=0.15, **interval)

"""The server of a review answers its own page alone."""

from __future__ import annotations

import shutil

import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import load_model
from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.review import ReviewedFile
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, undo

testclient = pytest.importorskip("starlette.testclient", reason="starlette is in the extra review")
HOST = "127.0.0.1:5000"
IDS = make_session().unit_ids.tolist()


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return write_nwb(tmp_path_factory.mktemp("sessions") / "session.nwb", make_session(), waveforms="all")


@pytest.fixture(scope="module")
def model():
    return load_model("default")


@pytest.fixture
def reviewed(session, model, tmp_path):
    path = tmp_path / "session.nwb"
    shutil.copy(session, path)
    return ReviewedFile(path, model=model, by="A. Curator")


@pytest.fixture
def client(reviewed):
    from nwb_unitrefine.review.server import make_app

    app = make_app([reviewed], token="secret", hosts=frozenset({HOST}))
    return testclient.TestClient(app, base_url=f"http://{HOST}")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/wrong/api/files", {}), ("/api/files", {}), ("/", {}), ("/secre/api/files", {}), ("//secret/api/files", {}),
        ("/secret/api/files", {"Host": "evil.example"}), ("/secret/api/files", {"Host": "127.0.0.1:5001"}),
        ("/secret/api/files", {"Origin": "http://evil.example"}), ("/secret/api/files", {"Origin": "null"}),
    ],
)  # fmt: skip
def test_strangers_get_403(client, path, headers):
    """A wrong token, another Host and another Origin are refused."""
    assert client.get(path, headers=headers).status_code == 403


def test_a_stranger_s_answer_changes_nothing(client, reviewed):
    """A request from another page, or one that is not JSON as the page sends it, leaves no answer."""
    answer = {"do": "answer", "unit": IDS[0], "label": "sua"}
    place = "/secret/api/files/0/change"
    assert client.post(place, json=answer, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post(place.replace("secret", "wrong"), json=answer).status_code == 403
    assert client.post(place, content="do=answer", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.post(place, json={**answer, "note": "x" * 30_000}).status_code == 413
    assert reviewed.state()["answers"] == {}


def test_answers_become_one_human_run(client, reviewed):
    """What was answered is one run of the person who answered, with the notes; `verify` passes and `undo` works."""
    place = "/secret/api/files/0/change"
    for unit, label in zip(IDS, ("noise", "sua", "mua"), strict=False):
        assert client.post(place, json={"do": "answer", "unit": unit, "label": label}).status_code == 200
    client.post(place, json={"do": "answer", "unit": IDS[1], "label": "mua", "note": "two shapes"})
    assert client.post(place, json={"do": "undo"}).json()["undone"] == IDS[1]
    assert client.get("/secret/api/files").json() == [{"name": "session.nwb", "pending": 3}]
    assert f"{IDS[1]},sua" in client.get("/secret/api/files/0/answers.csv").text
    assert client.post(place, json={"do": "write"}).json()["written"]["run"] == "run_0001"
    (run,) = read_history(reviewed.path)
    assert (run.agent, run.kind.value) == ("A. Curator", "human")
    changed = dict(zip(run.predictions.unit_ids[run.changed], run.predictions.labels[run.changed], strict=True))
    assert changed == dict(zip(IDS, ("noise", "sua", "mua"), strict=False))
    assert verify(reviewed.path).passed
    data = client.get("/secret/api/files/0").json()
    assert data["units"]["person"][:3] == ["noise", "sua", "mua"]
    undo(reviewed.path)
    assert client.post(place, json={"do": "write"}).status_code == 409


@pytest.mark.parametrize(
    "body", [{}, {"do": "answer"}, {"do": "answer", "unit": "x", "label": "sua"}, [], {"do": "rm"}]
)
def test_nonsense_gets_400(client, body):
    """What is not an answer is refused and keeps nothing."""
    assert client.post("/secret/api/files/0/change", json=body).status_code == 400


def test_a_file_that_changed_meanwhile_is_not_written_and_the_answers_stay(client, reviewed):
    """Units that are not those that were shown get no labels; the answers are kept and can be exported."""
    import h5py

    client.get("/secret/api/files/0")
    client.post("/secret/api/files/0/change", json={"do": "answer", "unit": IDS[0], "label": "noise"})
    with h5py.File(reviewed.path, "r+") as file:
        file["units/spike_times"][0] += 0.001
    answer = client.post("/secret/api/files/0/change", json={"do": "write"})
    assert answer.status_code == 409
    assert "not those that were reviewed" in answer.json()["error"]
    assert list(reviewed.answers.pending()) == IDS[:1]
    assert f"{IDS[0]},noise" in reviewed.export()


def test_a_read_only_file_is_refused_before_anybody_works(session, model, tmp_path):
    """Whoever reviews learns at once that the file cannot be written."""
    path = tmp_path / "session.nwb"
    shutil.copy(session, path)
    path.chmod(0o444)
    with pytest.raises(WriteError, match="read-only"):
        ReviewedFile(path, model=model, by="me")
    with pytest.raises(WriteError, match="who answers"):
        ReviewedFile(path, model=model, by=" ")
    with pytest.raises(SourceError):
        ReviewedFile(tmp_path / "none.nwb", model=model, by="me")


def test_the_model_is_adapted_to_answers_only_when_asked(client, reviewed):
    """A preview names what would change and writes nothing; then the answers and the adapted labels are two runs."""
    place = "/secret/api/files/0/change"
    for unit, label in zip(IDS, ("mua", "mua", "noise", "mua", "mua"), strict=False):
        client.post(place, json={"do": "answer", "unit": unit, "label": label})
    before = reviewed.path.read_bytes()
    preview = client.post(place, json={"do": "preview"}).json()["preview"]
    assert "5 labels of people" in preview["remark"]
    assert all(unit not in IDS[:5] and old != new for unit, old, new in preview["changed"])
    assert reviewed.path.read_bytes() == before
    written = client.post(place, json={"do": "adapt"}).json()["written"]
    human, model = read_history(reviewed.path)
    assert (human.kind.value, model.kind.value, model.name) == ("human", "model", written["run"])
    assert "adaptation" in model.parameters
    kept = dict(zip(model.predictions.unit_ids.tolist(), model.predictions.labels.tolist(), strict=True))
    assert [kept[unit] for unit in IDS[:5]] == ["mua", "mua", "noise", "mua", "mua"]
    assert verify(reviewed.path).passed


def test_a_review_begins_with_units_worth_an_answer(session, model, tmp_path):
    """Units are chosen over all files, none that a person labelled or that has few spikes; each page gets its own."""
    from nwb_unitrefine.learn.suggest import MIN_SPIKES
    from nwb_unitrefine.review import ask
    from nwb_unitrefine.write import relabel

    paths = [tmp_path / "a.nwb", tmp_path / "b.nwb"]
    for path in paths:
        shutil.copy(session, path)
    relabel(paths[0], {IDS[0]: "noise"}, by="somebody")
    files = [ReviewedFile(path, model=model, by="me") for path in paths]
    ask(files, n=6)
    assert len(files[0].asked) == len(files[1].asked) == 3
    assert IDS[0] not in files[0].asked
    spikes = dict(zip(IDS, files[1].curation.units.spike_times_s.counts.tolist(), strict=True))
    assert all(spikes[unit] >= MIN_SPIKES for unit in files[1].asked)
    assert files[1].data()["asked"] == list(files[1].asked)

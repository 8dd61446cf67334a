"""What goes wrong around a review: files that change, disks that fill, slow clients, odd ids and words."""

from __future__ import annotations

import http.client
import resource
import shutil
import signal
import socket
import threading

import h5py
import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import load_model
from nwb_unitrefine.errors import NoUnitsError
from nwb_unitrefine.review import Learning, ReviewedFile
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel

testclient = pytest.importorskip("starlette.testclient", reason="starlette is in the extra review")
HOST = "127.0.0.1:5000"
IDS = make_session().unit_ids.tolist()
CHANGE = "/secret/api/files/0/change"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return write_nwb(tmp_path_factory.mktemp("sessions") / "session.nwb", make_session(), waveforms="all")


@pytest.fixture(scope="module")
def model():
    return load_model("default")


@pytest.fixture
def path(session, tmp_path):
    place = tmp_path / "session.nwb"
    shutil.copy(session, place)
    return place


@pytest.fixture
def reviewed(path, model):
    return ReviewedFile(path, model=model, by="A. Curator")


@pytest.fixture
def client(reviewed, model):
    from nwb_unitrefine.review.server import make_app

    learning = Learning([reviewed.path], model=model)
    app = make_app([reviewed], token="secret", hosts=frozenset({HOST}), learning=learning)
    return testclient.TestClient(app, base_url=f"http://{HOST}")


def _answer(client, unit=IDS[0], label="noise", note=""):
    return client.post(CHANGE, json={"do": "answer", "unit": unit, "label": label, "note": note})


@pytest.mark.slow
def test_a_file_without_units_is_refused(tmp_path, model):
    """There is nothing to review, and one line says so."""
    place = write_nwb(tmp_path / "empty.nwb", make_session(n_units=2), waveforms=None)
    with h5py.File(place, "r+") as file:
        for name in list(file["units"]):
            del file["units"][name]
        file["units"].create_dataset("id", data=np.zeros(0, dtype=np.int64))
        file["units"].attrs["colnames"] = np.array([], dtype=h5py.string_dtype())
    with pytest.raises(NoUnitsError, match="no units"):
        ReviewedFile(place, model=model, by="me")


def test_a_file_that_became_read_only_keeps_the_answers(client, reviewed):
    """Where the file cannot be written any more, the write is refused and the answers stay."""
    _answer(client)
    reviewed.path.chmod(0o444)
    refused = client.post(CHANGE, json={"do": "write"})
    assert refused.status_code == 409
    assert list(reviewed.answers.pending()) == IDS[:1]


def test_a_file_that_is_gone_keeps_the_answers(client, reviewed):
    """Without the file an answer is kept and exported, and the write refused; with the file back it is written."""
    client.get("/secret/api/files/0")
    aside = reviewed.path.with_suffix(".aside")
    reviewed.path.rename(aside)
    assert _answer(client).status_code == 200
    refused = client.post(CHANGE, json={"do": "write"})
    assert refused.status_code == 409
    assert refused.json()["error"]
    assert f"{IDS[0]},noise" in client.get("/secret/api/files/0/answers.csv").text
    aside.rename(reviewed.path)
    assert client.post(CHANGE, json={"do": "write"}).json()["written"]["run"] == "run_0001"


def test_a_full_disk_at_the_write_changes_nothing_and_keeps_the_answers(client, reviewed):
    """The file stays as it was to the byte; with room again the same answers are written."""
    client.get("/secret/api/files/0")
    _answer(client)
    before = reviewed.path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        refused = client.post(CHANGE, json={"do": "write"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert refused.status_code == 409
    assert reviewed.path.read_bytes() == before
    assert client.post(CHANGE, json={"do": "write"}).status_code == 200
    assert verify(reviewed.path).passed


def test_labels_that_another_program_wrote_meanwhile_are_seen(client, reviewed):
    """The state counts the runs of the file, so that a page of before knows that it is old."""
    assert client.get("/secret/api/files/0/state").json()["runs"] == 0
    relabel(reviewed.path, {IDS[1]: "mua"}, by="somebody else")
    assert client.get("/secret/api/files/0/state").json()["runs"] == 1
    assert client.get("/secret/api/files/0").json()["units"]["person"][1] == "mua"


def test_ids_that_a_browser_cannot_count_are_text(tmp_path, model):
    """Unit ids beyond 2^53 come back as they are in the file, and get their answers."""
    place = write_nwb(tmp_path / "large.nwb", make_session(), waveforms=None)
    large = 2**60 + 1
    with h5py.File(place, "r+") as file:
        file["units/id"][0] = large
    reviewed = ReviewedFile(place, model=model, by="me")
    assert reviewed.data()["units"]["id"][0] == str(large)
    reviewed.answer(large, "mua")
    assert reviewed.data()["review"]["answers"][str(large)]["label"] == "mua"
    assert reviewed.undo()["undone"] == str(large)
    reviewed.answer(large, "mua")
    reviewed.write()
    assert reviewed.data()["units"]["person"][0] == "mua"


@pytest.mark.parametrize("note", ["</script><script>", "\u202egnp", "=1+1", "x" * 5_000, "a\nb", "\u0000a", "😀"])
def test_any_note_is_kept_and_written(client, reviewed, note):
    """Notes of any characters survive the journal, the run and the page; what no file can hold is left out."""
    assert _answer(client, note=note).status_code == 200
    assert client.post(CHANGE, json={"do": "write"}).status_code == 200
    (run,) = read_history(reviewed.path)
    assert run.note.startswith(f"unit {IDS[0]}: ")
    assert client.get("/secret/api/files/0").json()["history"][0]["note"] == run.note


def test_text_that_is_no_utf8_has_a_page(reviewed, client, monkeypatch):
    """Names that a file holds in another encoding are read as lone surrogates; the server sends them all the same."""
    monkeypatch.setattr(
        reviewed, "_data", {**reviewed.data(), "problems": [{"what": "caf\udce9", "units": [], "n": 0}]}
    )
    assert client.get("/secret/api/files/0").status_code == 200


def test_the_next_units_are_suggested_from_the_page(client):
    """Units with an answer are not suggested again; a stranger cannot ask."""
    assert (
        client.post("/secret/api/suggest", json={"do": "suggest"}, headers={"Origin": "http://evil"}).status_code == 403
    )
    assert client.post("/secret/api/suggest", json={"do": "rm"}).status_code == 400
    client.post("/secret/api/suggest", json={"do": "suggest"})
    first = client.get("/secret/api/files/0").json()["asked"]
    assert first
    _answer(client, unit=first[0])
    assert client.post("/secret/api/suggest", json={"do": "suggest"}).json() == [{"name": "session.nwb", "pending": 1}]
    assert set(client.get("/secret/api/files/0").json()["asked"]) == set(first[1:])


def test_learning_is_asked_for_like_everything_else(client):
    """Evaluation is begun with the token alone, and what there is not is refused."""
    assert client.post("/wrong/api/learning", json={"do": "evaluate"}).status_code == 403
    assert (
        client.post("/secret/api/learning", json={"do": "evaluate"}, headers={"Origin": "http://evil"}).status_code
        == 403
    )
    assert client.post("/secret/api/learning", json={"do": "rm"}).status_code == 400
    assert client.get("/secret/api/learning").json() == {"running": ""}


@pytest.fixture
def port(reviewed, monkeypatch):
    """The app on a socket, as a browser meets it."""
    import uvicorn

    from nwb_unitrefine.review import server as module

    monkeypatch.setattr(module, "_LONGEST_S", 0.3)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    number = listening.getsockname()[1]
    app = module.make_app([reviewed], token="secret", hosts=frozenset({f"127.0.0.1:{number}"}))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    listening.listen()
    thread.start()
    yield number
    server.should_exit = True
    thread.join()
    listening.close()


def test_a_slow_client_is_turned_away_and_holds_nobody_up(port, reviewed):
    """A request whose body does not arrive gets 408, while others are answered."""
    slow = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    slow.putrequest("POST", CHANGE)
    slow.putheader("Content-Type", "application/json")
    slow.putheader("Content-Length", "100")
    slow.endheaders(b'{"do":')
    quick = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    quick.request("GET", "/secret/api/files")
    assert quick.getresponse().status == 200
    assert slow.getresponse().status == 408
    assert reviewed.state()["answers"] == {}
    slow.close()
    quick.close()


@pytest.mark.parametrize("headers", [{"Content-Length": "99999999999"}, {"Transfer-Encoding": "chunked"}], ids=str)
def test_huge_and_endless_posts_are_refused_before_they_are_read(port, headers):
    """A body that is too long, or of no stated length, gets 413 without being waited for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", CHANGE)
    connection.putheader("Content-Type", "application/json")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()

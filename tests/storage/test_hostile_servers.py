"""Answers that are not what was asked for, that never end, or that lead elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.servers.hostile_server import WRONG, Asked, drip, endless, moved, part, serve_answers
from helpers.servers.range_server import serve_ranges
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read import Patience, read_units
from nwb_unitrefine.storage.remote.http_ranges import HttpRanges

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HURRY = Patience(attempts=2, wait_s=0, timeout_s=0.3, slowest_bytes_per_s=10_000, longest_s=3)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Bytes of an NWB file."""
    path: Path = tmp_path_factory.mktemp("served") / "a.nwb"
    write_nwb(path, make_session(n_units=6))
    return path.read_bytes()


@pytest.mark.parametrize("kind", WRONG)
def test_an_answer_that_is_not_what_was_asked_for_is_refused(content: bytes, kind: str) -> None:
    """Its bytes would be read as spike times, and nobody could see that they are wrong."""
    with (
        serve_answers(lambda asked: [WRONG[kind](content, asked)]) as server,
        pytest.raises(SourceError) as refusal,
    ):
        read_units(f"{server.url}/a.nwb", patience=HURRY)
    assert "\n" not in str(refusal.value)


def test_right_answers_are_read(content: bytes) -> None:
    """Also those that send less at a time than was asked for, which standards allow."""

    def some(asked: Asked) -> list[bytes]:
        start, stop = asked.range
        stop = min(stop, start + 50_000, len(content))
        return [
            part(content, asked, body=content[start:stop], Content_Range=f"bytes {start}-{stop - 1}/{len(content)}")
        ]

    for answer in (some, lambda asked: [part(content, asked)], lambda asked: [part(content, asked, Content_Length="")]):
        with serve_answers(answer) as server:
            assert len(read_units(f"{server.url}/a.nwb", patience=HURRY)) == 6


@pytest.mark.parametrize("place", ["head", "body"])
def test_a_slow_server_is_given_up(content: bytes, place: str) -> None:
    """Of one byte at a time, in the answer's head as in its body; the socket's own timeout never ends that."""

    def answer(asked: Asked) -> Iterator[bytes]:
        whole = part(content, asked)
        head = whole.index(b"\r\n\r\n") + 4 if place == "body" else 0
        yield whole[:head]
        yield from drip(asked, whole[head:])

    with serve_answers(answer) as server:
        with pytest.raises(SourceError, match="less than 10000 bytes a second"):
            read_units(f"{server.url}/a.nwb", patience=HURRY)
        assert len(server.asked) == HURRY.attempts


def test_an_endless_file_of_a_store_is_given_up() -> None:
    """Metadata of a Zarr store that never end are not kept in memory until it is full."""

    def answer(asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        yield from endless(asked)

    with serve_answers(answer) as server:
        ranges = HttpRanges(f"{server.url}/.zmetadata", patience=HURRY)
        with pytest.raises(SourceError, match="sends more than 10 MB"):
            ranges.read_all(most_bytes=10_000_000)


def test_an_answer_that_is_fast_and_too_long_in_time_is_given_up() -> None:
    """There is a limit on the whole time, too."""
    patience = Patience(attempts=1, timeout_s=5, slowest_bytes_per_s=0, longest_s=0.2)

    def answer(asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        yield from drip(asked, bytes(1000))

    with serve_answers(answer) as server, pytest.raises(SourceError, match=r"longer than 0\.2 s"):
        HttpRanges(server.url, patience=patience).read_all(most_bytes=1000)


@pytest.mark.parametrize("total", [10**18, 10**19 - 1])
def test_a_size_that_no_file_has_takes_no_memory(content: bytes, total: int) -> None:
    """The size alone is believed until it is used."""

    def answer(asked: Asked) -> list[bytes]:
        start, stop = asked.range
        body = content[start:stop].ljust(stop - start, b"\0")
        return [part(content, asked, body=body, Content_Range=f"bytes {start}-{stop - 1}/{total}")]

    with serve_answers(answer) as server:
        assert len(read_units(f"{server.url}/a.nwb", patience=HURRY)) == 6
        ranges = HttpRanges(f"{server.url}/a.nwb", patience=HURRY)
        with pytest.raises(SourceError, match=r"1000000000\.0 GB would be fetched"):
            ranges.read(0, 10**18)


@pytest.mark.parametrize("location", ["/data/a.nwb", "data/a.nwb", "?x=1", "//127.0.0.1:{port}/b.nwb"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_relative_redirects_are_followed(content: bytes, location: str, status: int) -> None:
    """As RFC 9110 means them."""

    def answer(asked: Asked) -> list[bytes]:
        if asked.path == "/a.nwb":
            return [moved(location.replace("{port}", server.url.rpartition(":")[2]), status)]
        return [part(content, asked)]

    with serve_answers(answer) as server:
        assert len(read_units(f"{server.url}/a.nwb", patience=HURRY)) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/a", "javascript:1"])
def test_redirects_to_anything_but_http_are_refused(location: str) -> None:
    """No file of this machine, and no other protocol."""
    with (
        serve_answers(lambda _: [moved(location)]) as server,
        pytest.raises(SourceError, match="neither http nor https"),
    ):
        read_units(f"{server.url}/a.nwb", patience=HURRY)


def test_a_connection_is_used_again_and_no_try_is_lost(tmp_path: Path) -> None:
    """Answers without a body leave the connection free: each try is one request that is answered."""
    (tmp_path / "small").write_bytes(b"x" * 10)
    with serve_ranges(tmp_path) as server:
        server.fail = lambda number, _path: 503 if number < 6 else None
        ranges = HttpRanges(f"{server.url}/small", patience=Patience(attempts=6, wait_s=0))
        assert ranges.read_all(most_bytes=10) == b"x" * 10
        assert (server.n_asked, ranges.n_requests) == (6, 6)


def test_redirects_that_go_on_and_on_are_refused() -> None:
    """In a circle or not."""
    with serve_answers(lambda asked: [moved(f"/{asked.number}")]) as server:
        with pytest.raises(SourceError, match="more than 5 times"):
            read_units(f"{server.url}/a.nwb", patience=HURRY)
        assert len(server.asked) == 6


def test_a_token_does_not_follow_to_another_server(content: bytes) -> None:
    """Neither to another port, nor back from there; to another path of its own server it does."""
    with serve_answers(lambda asked: [part(content, asked)]) as other:

        def answer(asked: Asked) -> list[bytes]:
            if asked.path == "/away":
                return [moved(f"{other.url}/a")]
            return [moved("/b")] if asked.path == "/a" else [part(content, asked)]

        with serve_answers(answer) as server:
            for path in ("/away", "/a"):
                ranges = HttpRanges(server.url + path, headers={"Authorization": "token secret"}, patience=HURRY)
                for start in (0, 100):
                    assert ranges.read(start, start + 10) == content[start : start + 10]
            assert all("authorization" in asked.headers for asked in server.asked)
        assert len(other.asked) == 2
        assert not any("authorization" in asked.headers for asked in other.asked)

"""A Dask cluster whose parts are killed: the study goes on, and each file is in its ledger once."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine.batch.plan import plan_files, write_plan

if TYPE_CHECKING:
    from pathlib import Path

N_FILES = 8


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["scheduler", "worker"])
def test_a_killed_scheduler_or_worker_loses_nothing(tmp_path: Path, victim: str) -> None:
    """Without its scheduler a run ends in one line and the next does the rest; without a worker it goes on."""
    pytest.importorskip("distributed")
    data, study = tmp_path / "data", tmp_path / "study"
    data.mkdir()
    first = make_small_session(data / "0.nwb")
    for number in range(1, N_FILES):
        shutil.copy(first, data / f"{number}.nwb")
    write_plan(study, plan_files([data], study=study))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    label = [sys.executable, "-m", "nwb_unitrefine", "dandiset", "label", str(study)]
    with ExitStack() as stack:

        def start(*arguments: str, log: str) -> subprocess.Popen[str]:
            output = stack.enter_context((tmp_path / log).open("w"))
            process = subprocess.Popen([*arguments], stdout=output, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        dask = [sys.executable, "-m", "dask"]
        host, _, port = address.partition(":")
        scheduler = start(*dask, "scheduler", "--host", host, "--port", port, "--no-dashboard", log="scheduler")
        worker = [*dask, "worker", f"tcp://{address}", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        workers = [start(*worker, "--name", name, log=name) for name in ("one", "two")]
        client = start(*label, "--scheduler", f"tcp://{address}", log="client")
        while client.poll() is None and not _keys(study):
            pass
        (scheduler if victim == "scheduler" else workers[0]).kill()
        code = client.wait(timeout=120)
        printed = (tmp_path / "client").read_text()
        assert "Traceback" not in printed.partition("error:")[2]
        if victim == "worker":
            assert code == 0, printed
        elif len(_keys(study)) < N_FILES:
            assert code == 1, printed
            assert "Run again to go on" in printed
    subprocess.run(label, check=True, capture_output=True)
    keys = _keys(study)
    assert len(keys) == len(set(keys)) == N_FILES
    assert len(list(study.glob("dandiset/*/*.nwb"))) == N_FILES
    assert not list((study / ".in-work").iterdir())


def _keys(study: Path) -> list[str]:
    """Keys of the ledger, line by line."""
    ledger = study / "ledger.jsonl"
    return [json.loads(line)["key"] for line in ledger.read_text().splitlines()] if ledger.exists() else []

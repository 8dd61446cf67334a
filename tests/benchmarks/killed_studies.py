"""Kill the parts of a study's cluster at random moments, and look whether anything is lost, half made or done twice.

    python tests/benchmarks/killed_studies.py                       # some minutes for each seed
    python tests/benchmarks/killed_studies.py --seeds 1 --assets 4  # the small form, as the tests run it

An archive on loopback, which the real client of DANDI talks to, holds assets as HDF5 and Zarr, one that is damaged, one
that is gone, one without units and one that is not NWB. It wants a token, lists a few assets a page, leads to its
blobs by redirects, answers some requests with status 429 and breaks some connections. For each seed

1. the dandiset is planned, and labelled by two Dask workers; scheduler, worker or client get SIGKILL when a random
   number of assets is done;
2. an asset is replaced in the archive, the dandiset is planned again, and another part is killed;
3. the study is labelled to its end, checked, summarized and uploaded; all of it again has to find nothing to do.

Every asset has to be in the ledger once, every file has to be whole and to pass `verify`, and nothing else may be left.
Prints a line for each seed; the exit code is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers.bare_nwb import make_small_session
from helpers.servers.dandi_stub import known_instances, serve_dandi
from helpers.servers.range_server import serve_ranges
from nwb_unitrefine.verification import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers.dandi_stub import DandiStub
    from helpers.servers.range_server import RangeServer

KEY = "secret"
ABSENT = ("damaged", "gone")
VICTIMS = ("scheduler", "worker", "client")


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--assets", type=int, default=10, help="assets with units; every third is Zarr")
    options = parser.parse_args(arguments)
    n_wrong = 0
    with tempfile.TemporaryDirectory(prefix="blobs-") as blobs:
        first = make_small_session(Path(blobs) / "a.nwb")
        shutil.copy(first, Path(blobs) / "b.nwb")
        make_small_session(Path(blobs) / "a.nwb.zarr")
        (Path(blobs) / "damaged.nwb").write_text("not HDF5 at all")
        for seed in range(options.first, options.first + options.seeds):
            begin = time.perf_counter()
            with tempfile.TemporaryDirectory(prefix="study-") as folder:
                campaign = Campaign(Path(folder), seed)
                wrong = campaign.run(Path(blobs), options.assets)
            n_wrong += len(wrong)
            told = "; ".join(wrong) or "nothing lost, nothing twice, nothing half made"
            print(
                f"seed {seed}: {', '.join(campaign.killed)}: {told} ({time.perf_counter() - begin:.0f} s)", flush=True
            )
    return int(n_wrong > 0)


class Campaign:
    """One study from plan to upload, with kills on the way."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.study, self.random = folder, folder / "study", random.Random(seed)
        self.environment: dict[str, str] = {}
        self.killed: list[str] = []

    def run(self, blobs: Path, n_assets: int) -> list[str]:
        """Go through all steps, and return what is wrong at the end."""
        with (
            serve_dandi() as stub,
            serve_dandi("000456") as target,
            serve_ranges(blobs) as ranges,
            known_instances(self.folder / "known", dandi_stub=stub, dandi_own=target) as environment,
        ):
            self.environment = {**environment, "DANDI_API_KEY": KEY}
            stub.key, target.key, stub.page_size = KEY, KEY, 3
            self._fill(stub, ranges, n_assets)
            self._plan()
            for step in range(2):
                self._label_and_kill(self.random.choice(VICTIMS), after=self.random.randrange(n_assets - step))
                if not step:
                    stub.add("sub-0/sub-0_ses-0_ecephys.nwb", _asset_id(99), f"{ranges.url}/b.nwb", measured=("Units",))
                    self._plan()
            self._label()
            return [*self._left_behind(n_assets), *self._finish(stub, target, ranges)]

    def _fill(self, stub: DandiStub, ranges: RangeServer, n_assets: int) -> None:
        """Put assets into the archive, and let it fail now and then."""
        for number in range(n_assets):
            is_zarr = number % 3 == 2
            path = f"sub-{number % 2}/sub-{number % 2}_ses-{number}_ecephys.nwb" + ".zarr" * is_zarr
            url = f"{ranges.url}/a.nwb.zarr?/zarr/" if is_zarr else f"{ranges.url}/a.nwb"
            stub.add(path, _asset_id(number), url, is_zarr=is_zarr, measured=("Units",))
        for number, name in enumerate(ABSENT, start=n_assets):
            stub.add(f"sub-9/sub-9_ses-{name}_ecephys.nwb", _asset_id(number), f"{ranges.url}/{name}.nwb")
        stub.add("sub-9/sub-9_behavior.nwb", _asset_id(90), f"{ranges.url}/a.nwb", measured=("SpatialSeries",))
        stub.add("notes.tsv", _asset_id(91), f"{ranges.url}/a.nwb")
        moods = random.Random(self.random.random())
        stub.refuse = lambda _number, path: 429 if path != "/info" and moods.random() < 0.05 else None
        ranges.fail = lambda _number, _path: moods.choices((None, 429, "break"), (90, 6, 4))[0]

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "nwb_unitrefine", "dandiset", *arguments]

    def _do(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> Any:
        """Run a command to its end, and return the JSON that it prints."""
        done = subprocess.run(
            [*self._command(*arguments), "--json"], capture_output=True, text=True, env=self.environment, check=False
        )
        if done.returncode not in allowed:
            raise RuntimeError(f"{' '.join(arguments)}: exit code {done.returncode}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def _plan(self) -> None:
        self._do("plan", "DANDI:000123", str(self.study), "--instance", "dandi-stub")

    def _label(self) -> Any:
        return self._do("label", str(self.study), "--workers", "2", allowed=(0, 1))

    def _label_and_kill(self, victim: str, *, after: int) -> None:
        """Label with two Dask workers, and kill one part when so many further entries are done, and a moment later."""
        done_before = len(self._lines())
        with ExitStack() as stack:

            def start(*command: str) -> subprocess.Popen[bytes]:
                process = subprocess.Popen(
                    command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment, cwd=self.folder
                )
                stack.callback(process.wait)
                stack.callback(process.kill)
                return process

            address = f"127.0.0.1:{_free_port()}"
            host, _, port = address.partition(":")
            dask = (sys.executable, "-m", "dask")
            parts = {"scheduler": start(*dask, "scheduler", "--host", host, "--port", port, "--no-dashboard")}
            for name in ("worker", "other worker"):
                worker = ("worker", f"tcp://{address}", "--nthreads", "1", "--no-nanny", "--no-dashboard")
                parts[name] = start(*dask, *worker)
            parts["client"] = start(*self._command("label", str(self.study), "--scheduler", f"tcp://{address}"))
            client = parts["client"]
            while client.poll() is None and len(self._lines()) < done_before + after:
                time.sleep(0.01)
            time.sleep(self.random.random())
            parts[victim].send_signal(signal.SIGKILL)
            self.killed.append(f"{victim} after {len(self._lines()) - done_before}")
            client.wait(timeout=600)

    def _lines(self) -> list[dict[str, Any]]:
        """Whole lines of the ledger."""
        ledger = self.study / "ledger.jsonl"
        text = ledger.read_text(encoding="utf-8") if ledger.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def _left_behind(self, n_assets: int) -> Iterator[str]:
        """What the ledger, the files made and the study's folder have that they should not, or lack."""
        lines = self._lines()
        keys = Counter(line["key"] for line in lines if line["outcome"] != "replaced")
        yield from (f"{number} lines of {key}" for key, number in keys.items() if number > 1)
        newest = {line["id"].partition("/")[2]: line for line in lines}
        outcomes = Counter(line["outcome"] for line in newest.values())
        if outcomes != {"labelled": n_assets, "refused": len(ABSENT)}:
            yield f"outcomes {dict(outcomes)}: {[line.get('error') for line in newest.values() if 'error' in line]}"
        made = {path.relative_to(self.study / "dandiset").as_posix() for path in self.study.glob("dandiset/**/*.nwb")}
        stated = {line["output"] for line in newest.values() if line["outcome"] == "labelled"}
        yield from (f"{name} is made and not in the ledger, or the other way round" for name in made ^ stated)
        yield from (
            f"{name} does not pass verify" for name in made if not verify(self.study / "dandiset" / name).passed
        )
        of_work = [*self.study.glob(".in-work/*"), *self.study.rglob(".nwb-unitrefine-*")]
        yield from (f"{path.relative_to(self.study)} was left behind" for path in of_work)

    def _finish(self, stub: DandiStub, target: DandiStub, ranges: RangeServer) -> Iterator[str]:
        """Check, summarize and upload; again there is nothing to do."""
        yield from (f"{one['path']}: {one['new']}" for one in self._do("check", str(self.study)) if one["new"])
        n_labelled = sum(
            line["outcome"] == "labelled" for line in {line["id"]: line for line in self._lines()}.values()
        )
        n_units = self._do("summary", str(self.study))["n_units"]
        if n_units != 6 * n_labelled:
            yield f"{n_units} units of {n_labelled} files in the summary"
        upload = ("upload", str(self.study), "--to", "DANDI:000456", "--instance", "dandi-own")
        done = self._do(*upload)
        if len(done["new"]) != n_labelled:
            yield f"{len(done['new'])} of {n_labelled} files uploaded"
        n_asked, n_uploads = (len(stub.asked), ranges.n_asked), len(target.uploads)
        if (again := self._label()) != {"n_labelled": 0, "n_refused": 0, "n_left": 0}:
            yield f"labelled again: {again}"
        again = self._do(*upload)
        if again["new"] or again["changed"] or len(target.uploads) != n_uploads:
            yield f"uploaded again: {again['new']} {again['changed']}"
        if n_asked != (len(stub.asked), ranges.n_asked):
            yield "the archive was asked for what was done"


def _asset_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())

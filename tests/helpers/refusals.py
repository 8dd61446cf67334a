"""Commands that are to be refused before anything heavy is imported, run one after the other in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["HEAVY", "refusals"]

HEAVY = (
    "sklearn", "scipy.stats", "numba", "pandas", "pynwb", "hdmf", "spikeinterface", "neuroconv", "skops", "matplotlib",
    "dandi", "shap", "lightgbm", "xgboost", "catboost", "dask",
)  # fmt: skip

PROGRAM = """
import contextlib, io, json, sys
from nwb_unitrefine.cli import main
for absent, arguments in json.load(sys.stdin):
    sys.modules.update(dict.fromkeys(absent))  # None: as if it was not installed
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as heard:
        code = main(arguments)
    for name in absent:
        del sys.modules[name]
    print(json.dumps([code, heard.getvalue(), [name for name in {heavy!r} if name in sys.modules]]))
"""


def refusals(*commands: Sequence[str | Path], absent: Iterable[str] = ()) -> list[str]:
    """Run commands without some packages; return what each prints, having seen one line and no heavy import."""
    given = [(list(absent), list(map(str, arguments))) for arguments in commands]
    program = PROGRAM.format(heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    texts = []
    for (_, arguments), line in zip(given, done.stdout.splitlines(), strict=True):
        code, text, imported = json.loads(line)
        assert (code, imported) == (1, []), f"{arguments}: {text}"
        assert len([one for one in text.splitlines() if one.startswith("error: ")]) == 1, f"{arguments}: {text}"
        texts.append(text)
    return texts

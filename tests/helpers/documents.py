"""Code blocks of documents, and how they are run: in one folder, with their outputs compared with the text."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import warnings
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ROOT", "Block", "blocks", "console_steps", "make_shell", "prints", "run_blocks"]

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(
    r"(?:^\*Not run by the tests: (?P<reason>[^\n]+)\*\n+)?"
    r"^(?P<indent> *)```(?P<language>\w*)(?: title=\"(?P<title>[^\"\n]+)\")?[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    flags=re.DOTALL | re.MULTILINE,
)
_CHECK = doctest.OutputChecker()


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    language: str
    text: str
    line: int
    indented: bool
    not_run: str
    """Why the document says that the tests do not run it; empty otherwise."""
    title: str
    """Name of the file that the block shows; empty for a block that is not a file."""


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a Markdown document, in order."""
    return [
        Block(
            found["language"],
            found["text"],
            document.count("\n", 0, found.start("language")) + 1,
            bool(found["indent"]),
            (found["reason"] or "").strip(),
            found["title"] or "",
        )
        for found in _FENCE.finditer(document)
    ]


def console_steps(text: str) -> list[tuple[str, str]]:
    """Commands of a console block, each with the output shown below it; a backslash continues a command."""
    steps = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = re.sub(r"\\\n\s*", "", part).partition("\n")
        steps.append((command, output))
    return steps


def prints(expected: str, printed: str) -> bool:
    """Whether a text was printed, where "..." stands for anything and white space does not count."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return _CHECK.check_output(expected, printed, flags)


def make_shell(folder: Path, *, modules: Path | None = None) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a line in one folder, with this interpreter's scripts and this source tree, and modules that come first."""
    scripts = folder / ".bin"
    scripts.mkdir()
    for name, arguments in {"nwb-unitrefine": "-m nwb_unitrefine", "python": ""}.items():
        (scripts / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (scripts / name).chmod(0o755)
    paths = [*filter(None, [modules]), ROOT / "src", ROOT / "extensions/ndx-unit-curation/src/pynwb"]
    environment = {
        **os.environ,
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(map(str, paths)),
        "COLUMNS": "110",
    }

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return run


def run_blocks(document: str, folder: Path, *, modules: Path | None = None) -> None:
    """Run what a document shows, from top to bottom, in one folder and one Python session.

    A `text` block directly behind a `python` block is what that prints. A block with a title is a file of that name.
    Every command must succeed. Commands find the modules in the folder `modules` before all others.
    """
    shell = make_shell(folder, modules=modules)
    names: dict[str, Any] = {"__name__": "__main__"}
    every = blocks(document)
    for block, following in zip(every, [*every[1:], None], strict=True):
        if block.not_run:
            continue
        where = f"line {block.line}"
        if block.title:
            (folder / block.title).write_text(block.text)
        elif block.language == "console":
            for command, expected in console_steps(block.text):
                done = shell(command)
                printed = done.stdout + done.stderr
                assert done.returncode == 0, f"{where}: $ {command}\n{printed}"
                seen = prints(expected, printed) or prints(expected, done.stdout)  # notes need not be shown
                assert seen, f"{where}: $ {command}\n{printed}\nThe page shows:\n{expected}"
        elif block.language == "python":
            heard = StringIO()
            with chdir(folder), redirect_stdout(heard), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(block.text, where, "exec"), names)
            if following is not None and following.language == "text":
                assert prints(following.text, heard.getvalue()), f"{where} prints:\n{heard.getvalue()}"

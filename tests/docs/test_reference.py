"""The generated reference has everything that the code offers."""

from __future__ import annotations

import importlib.util
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click
import pytest

import nwb_unitrefine
from helpers.documents import ROOT
from nwb_unitrefine.cli import COMMANDS
from nwb_unitrefine.records import ProblemCode
from nwb_unitrefine.vocabulary import METRICS

pytest.importorskip("mkdocs", reason="needs the extra docs")


def _generated() -> ModuleType:
    """The hook that writes the pages, which is in no package."""
    specification = importlib.util.spec_from_file_location("generated_pages", ROOT / "docs/generated_pages.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


PAGES = _generated()


def test_every_command_and_option_is_in_the_reference() -> None:
    """Each command, those of groups included, has a section with a row for each of its options."""
    sections = dict(
        re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGES.commands_page(), flags=re.DOTALL | re.MULTILINE)
    )
    for name in COMMANDS:
        command = import_module(f"nwb_unitrefine.cli.{name.replace('-', '_')}").command
        for full, one in {
            name: command,
            **{f"{name} {k}": c for k, c in getattr(command, "commands", {}).items()},
        }.items():
            assert full in sections
            for option in [option for option in one.params if isinstance(option, click.Option)]:
                for spelling in option.opts:
                    assert re.search(rf"^\| `[^`]*{re.escape(spelling)}\b", sections[full], flags=re.MULTILINE), full


def test_every_command_has_a_row_in_the_table_at_the_top() -> None:
    """The table of commands links to each section."""
    table = PAGES.commands_page().partition("\n## ")[0]
    assert [name for name, _ in PAGES.commands() if f"| [`{name}`](#{name.replace(' ', '-')}) |" not in table] == []


def test_every_problem_code_is_in_the_reference() -> None:
    """Each code stands with its severity."""
    page = PAGES.problems_page()
    assert [code.value for code in ProblemCode if f"| `{code.value}` | {code.severity} |" not in page] == []


def test_every_metric_is_in_the_reference() -> None:
    """Each metric of the vocabulary has a row."""
    page = PAGES.metrics_page()
    assert [name for name in METRICS if f"| `{name}` |" not in page] == []


def test_every_public_name_is_in_the_reference() -> None:
    """Each name that a package of the reference offers has its docstring on a page."""
    for package in PAGES.PACKAGES:
        module = import_module(f"nwb_unitrefine.{package}".rstrip("."))
        page = PAGES.python_page(package)
        names = [name for name in module.__all__ if not isinstance(getattr(module, name), ModuleType)]
        assert [name for name in names if not re.search(rf"^::: \S+\.{name}$", page, flags=re.MULTILINE)] == []


def test_every_public_package_has_a_page() -> None:
    """A package that states what it offers is in the reference, unless it is a part that users do not import from."""
    inner = {"history", "storage", "journal", "cli"}
    folder = Path(nwb_unitrefine.__file__).parent
    offering = {path.parent.name for path in folder.glob("*/__init__.py") if "__all__" in path.read_text()}
    assert offering - inner - set(PAGES.PACKAGES) == set()


def test_code_reads_and_copies_as_it_was_written() -> None:
    """Marks for line breaks take no character away, keep an option whole, and leave blocks of code alone."""
    code = "label FILE\n--units-only -n 2 a_b/c.d|e,f\\g nwb-unitrefine"
    found = PAGES.on_page_content(html=f"<p><code>{code}</code></p><pre><code>a_b --option\n</code></pre>")
    assert re.sub(r"<(?!p|/p|code|/code)[^>]*>", "", found) == (
        f"<p><code>{code}</code></p><pre><code>a_b --option\n</code></pre>"
    )
    assert '<span class="option">--units-only</span>' in found
    assert "a_<wbr>b/<wbr>c" in found
    assert "<pre><code>a_b --option\n" in found


def test_choices_of_an_option_stand_as_they_are_typed() -> None:
    """No entity shows through the code of the table, and no mark of another markup opens a block."""
    assert "`--spike-times-in [seconds|ms|samples]`" in PAGES.commands_page()
    assert not re.search(r"::$", PAGES.python_page("errors") + PAGES.python_page("vocabulary.dialects"), re.MULTILINE)

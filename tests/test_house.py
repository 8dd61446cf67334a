"""The rules of the house that no linter checks."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from nwb_unitrefine.cli import COMMANDS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "nwb_unitrefine"
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
)
MODULES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}


@cache
def _tree(module: str) -> ast.Module:
    """The parsed source of a module."""
    return ast.parse(MODULES[module].read_text())


@cache
def _imports(module: str) -> list[tuple[str, str, bool]]:
    """Modules of ours that a module imports from, each with the name, and whether it does so when it is imported."""
    found: list[tuple[str, str, bool]] = []

    def visit(node: ast.AST, *, at_import: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ImportFrom) and (child.module or "").startswith("nwb_unitrefine"):
                for alias in child.names:
                    inner = f"{child.module}.{alias.name}"
                    found.append((inner, "", at_import) if inner in MODULES else (child.module, alias.name, at_import))
            elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                for inner in child.body:
                    visit(ast.Module([inner], []), at_import=False)
            else:
                is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                visit(child, at_import=at_import and not is_function)

    visit(_tree(module), at_import=True)
    return found


@cache
def _public(module: str) -> set[str] | None:
    """Names in a module's `__all__`, and aliases of types that exist for the type checker alone; None without any."""
    body = _tree(module).body
    listed = [one.value for one in body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "__all__"]
    for_types = [one for one in body if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"]
    aliases = {ast.unparse(one.target) for block in for_types for one in block.body if isinstance(one, ast.AnnAssign)}
    return set(ast.literal_eval(listed[0])) | aliases if listed else None


def test_every_module_that_others_import_from_states_what_it_offers() -> None:
    """It has an `__all__`, and others import nothing but what is in it."""
    wrong = [
        f"{module} imports {name} from {source}"
        for module in MODULES
        for source, name, _ in _imports(module)
        if name and name != "__version__" and name not in (_public(source) or ())
    ]
    assert wrong == []


def test_no_private_module_or_name_is_used_outside_its_package() -> None:
    """What begins with an underscore belongs to the package that it stands in."""
    wrong = []
    for module in MODULES:
        for source, name, _ in _imports(module):
            parts = f"{source}.{name}".rstrip(".").split(".")
            private = next((place for place, part in enumerate(parts) if part.startswith("_") and part[1] != "_"), None)
            if private is not None and not module.startswith(".".join(parts[:private])):
                wrong.append(f"{module} uses {source} {name}")
    assert wrong == []


def test_imports_turn_in_no_circle() -> None:
    """No module needs itself to be imported, however long the way round."""
    needs = {
        module: {source for source, _, at_import in _imports(module) if at_import and source != module}
        for module in MODULES
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module in done:
            return
        for needed in sorted(needs[module]):
            visit(needed, (*trail, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())


def test_a_folder_holds_one_idea() -> None:
    """No folder of the source holds more than about 15 modules; the command line has one for each command."""
    sizes = {folder: len(list(folder.glob("[!_]*.py"))) for folder in SOURCE.rglob("*") if folder.is_dir()}
    assert [f"{folder.name}: {size}" for folder, size in sizes.items() if size > 16 and folder.name != "cli"] == []


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    """Four hundred lines are the most."""
    assert [name for name, path in MODULES.items() if len(path.read_text().splitlines()) > 400] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_option_that_a_document_names_is_unknown(document: str) -> None:
    """Every long option in a document belongs to a command, of ours or of the scripts and programs that it runs."""
    known = {"--help", "--debug", "--version", "--check", "--doctest-modules"}  # of `ruff format`, pytest
    known |= {"--array", "--cpus-per-task", "--mem", "--time", "--reflink"}  # of SLURM and cp; --output is ours, too
    known |= {"--python", "--resolution", "--modules"}  # of uv and nwbinspector
    for name in COMMANDS:
        command = import_module(f"nwb_unitrefine.cli.{name.replace('-', '_')}").command
        for one in (command, *getattr(command, "commands", {}).values()):
            known |= {option for parameter in one.params for option in (*parameter.opts, *parameter.secondary_opts)}
    of_scripts = set()
    for script in (ROOT / "tests" / "benchmarks").glob("*.py"):
        of_scripts |= set(re.findall(r'"(--[a-z-]+)"', script.read_text()))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", (ROOT / document).read_text()))
    assert named - known - of_scripts == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    """Each script, module and test that the reader is sent to is there."""
    text = (ROOT / document).read_text()
    named = set(re.findall(r"(?<![\w/.])((?:tests|examples|src|extensions)/[\w/.-]*\w)", text))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []

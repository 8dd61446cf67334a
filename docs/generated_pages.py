"""Pages of the reference that are written by the code itself, so that they are never behind it: a hook of MkDocs."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from mkdocs.structure.files import File

from nwb_unitrefine.cli import COMMANDS
from nwb_unitrefine.records import ProblemCode
from nwb_unitrefine.vocabulary import METRICS
from nwb_unitrefine.vocabulary.dialects import dialects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

__all__ = [
    "PACKAGES",
    "commands",
    "commands_page",
    "metrics_page",
    "on_files",
    "on_page_content",
    "problems_page",
    "public_names",
]

ROOT = Path(__file__).parents[1]

PACKAGES = {
    "": "The package",
    "errors": "Errors",
    "records": "Values",
    "read": "Read",
    "metrics": "Metrics",
    "models": "Models",
    "model_list": "Models with names",
    "learn": "Train and evaluate",
    "explain": "Explain",
    "comparison": "Compare",
    "write": "Write",
    "verification": "Verify",
    "batch": "Many files",
    "report": "Report",
    "review": "Review",
    "integrations": "Conversions",
    "vocabulary": "Names of metrics",
    "vocabulary.labels": "Names of labels",
    "vocabulary.dialects": "Archive dialects",
    "demo": "Simulated session",
}
"""What a user imports from, below `nwb_unitrefine`, with the title of its page."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the Python reference to the menu."""
    reference = next(entry["Reference"] for entry in config.nav or [] if "Reference" in entry)
    reference.append({"Python": [_python_path(package) for package in PACKAGES]})
    return config


def _python_path(package: str) -> str:
    """Where the page of a package is."""
    return f"reference/python/{package or 'nwb_unitrefine'}.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of the folder."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/problem-codes.md": problems_page(),
        "reference/metrics.md": metrics_page(),
        "reference/dialects.md": dialects_page(),
        "reference/extension.md": _extension_page(),
        **{_python_path(package): python_page(package) for package in PACKAGES},
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Keep the dashes of an option with its name, and offer narrow screens places to break names (`tables.css`)."""

    def broken(found: re.Match[str]) -> str:
        code = re.sub(r"(?<=\w[_./|,\\])(?=\w)", "<wbr>", found[1])
        code = re.sub(r"(?<![\w-])--?[a-z][\w-]*", r'<span class="option">\g<0></span>', code)
        return f"<code>{code}</code>"

    return re.sub(r"(?<!<pre>)(?<!<span></span>)<code>([^<]+)</code>", broken, html)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of the command line with its full name, and the commands of groups."""
    for name in COMMANDS:
        command: click.Command = import_module(f"nwb_unitrefine.cli.{name.replace('-', '_')}").command
        yield name, command
        if isinstance(command, click.Group):
            for inner in command.list_commands(click.Context(command)):
                yield f"{name} {inner}", command.commands[inner]


def _extension_page() -> str:
    """The format, which the extension's own documentation has as a page without this context."""
    text = (ROOT / "extensions/ndx-unit-curation/docs/format.md").read_text()
    body = text.partition("\n## ")
    about = "The extension holds the history of labels in `/general/unit_curation`."
    link = "[Provenance](../explanation/provenance.md) explains what it is for."
    return f"# Extension ndx-unit-curation\n\n{about} {link}\n{body[1]}{body[2]}"


def commands_page() -> str:
    """The help of every command, as one page."""
    lines = [
        "# Commands",
        "",
        "This page is generated from the commands themselves. `nwb-unitrefine COMMAND --help` prints the same.",
        "[Exit codes](exit-codes.md) are on a page of their own.",
        "",
        "| command | does |",
        "|---|---|",
        *(
            f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(command.get_short_help_str(limit=300))} |"
            for name, command in commands()
        ),
        "",
    ]
    for name, command in commands():
        context = click.Context(command, info_name=f"nwb-unitrefine {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        text = inspect.cleandoc(command.help or "").replace("\b\n", "")
        lines += [f"## {name}", "", f"`nwb-unitrefine {name} {usage}`", "", _escaped(text), ""]
        records = [
            record
            for parameter in command.get_params(context)
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)) is not None
        ]
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{option}` | {_cell(help_text)} |" for option, help_text in records]
        lines += [""]
    return "\n".join(lines)


def problems_page() -> str:
    """Every problem code, with its severity and meaning."""
    lines = [
        "# Problem codes",
        "",
        "A problem is something that a user should know about a source and that did not stop the work.",
        "Codes are stable between releases, so that programs can filter by them.",
        "`show`, `features` and `label` print problems; with `--json` each has its code.",
        "",
        "- **info**: something was decided for you. The values are right if the decision is.",
        "- **warning**: part of the source was not used, or had to be corrected.",
        "- **critical**: do not rely on the labels of the units concerned. They are marked uncertain.",
        "",
        "| code | severity | meaning |",
        "|---|---|---|",
        *(f"| `{code.value}` | {code.severity} | {_cell(code.meaning)} |" for code in ProblemCode),
    ]
    return "\n".join(lines)


def metrics_page() -> str:
    """Every metric of the vocabulary."""
    lines = [
        "# Metrics",
        "",
        "Metrics have SpikeInterface's names and values. A bare name is the definition of SpikeInterface 0.105.",
        "A name that ends in `@0.101` is the definition of 0.100 to 0.102, which published models were trained on.",
        "See [how metrics are defined](../explanation/metrics.md).",
        "",
    ]
    for group in dict.fromkeys(metric.group for metric in METRICS.values()):
        lines += [
            f"## Metrics of {group}",
            "",
            "| name | unit | definition | computed from | versions |",
            "|---|---|---|---|---|",
        ]
        for metric in METRICS.values():
            if metric.group is group:
                old = f" In 0.101: {metric.difference}" if metric.difference else ""
                lines.append(
                    f"| `{metric.name}` | {metric.unit or 'ratio'} | {_cell(metric.definition + old)} "
                    f"| {', '.join(sorted(metric.needs))} | {', '.join(metric.definitions)} |"
                )
        lines.append("")
    return "\n".join(lines)


def dialects_page() -> str:
    """Every archive dialect that is built in, with the columns that are read."""
    lines = [
        "# Archive dialects",
        "",
        "A dialect is one archive's or program's way of writing units: how it is recognised, which of its columns hold",
        "labels, and which hold metrics. [Add your own](../how-to/own-dialect.md).",
        "",
    ]
    for dialect in dialects():
        labels = ", ".join(f"`{label.name}` ({label.who})" for label in dialect.labels) or "none"
        lines += [
            f"## {dialect.name}",
            "",
            f"Documented at <{dialect.reference}>.",
            "",
            f"Label columns: {labels}.",
            "",
        ]
        if dialect.metrics:
            lines += ["| column | metric | same definition |", "|---|---|---|"]
            lines += [
                f"| `{one.name}` | `{one.metric}` ({', '.join(one.definitions)}) | {'yes' if one.exact else 'no'} |"
                for one in dialect.metrics
            ]
            lines.append("")
    return "\n".join(lines)


def public_names(package: str) -> dict[str, str]:
    """Public names of a package, each with the module that defines it."""
    module = import_module(f"nwb_unitrefine.{package}".rstrip("."))
    found = {}
    for name in module.__all__:
        if inspect.ismodule(value := getattr(module, name)):
            continue
        home = getattr(value, "__module__", "") if inspect.isclass(value) or inspect.isfunction(value) else ""
        found[name] = f"{home or _home(module.__name__, name)}.{name}"
    return found


def _home(module: str, name: str) -> str:
    """The module that assigns a constant, which has no `__module__`: follow the imports."""
    import ast

    tree = ast.parse(Path(import_module(module).__file__ or "").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return _home(node.module or "", name)
    return module


def python_page(package: str) -> str:
    """Docstrings of everything that a package offers."""
    module = f"nwb_unitrefine.{package}".rstrip(".")
    text = re.sub(r"(?m)^::$|:(?=:$)", "", inspect.cleandoc(import_module(module).__doc__ or ""))  # marks of RST
    lines = [f"# {PACKAGES[package]}", "", f"`import {module}`", "", text, ""]
    for path in public_names(package).values():
        lines += [f"::: {path}", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text that stays in one cell of a table."""
    return _escaped(" ".join(text.split())).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Text in which Markdown and HTML find nothing of theirs, but for code in backticks."""
    parts = text.split("`")
    parts[::2] = [
        part.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_").replace("[", "\\[") for part in parts[::2]
    ]
    return "`".join(parts)

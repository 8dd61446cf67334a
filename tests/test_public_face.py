"""What `import nwb_unitrefine` offers."""

from __future__ import annotations

import json
import subprocess
import sys

import nwb_unitrefine


def _in_a_new_process(code: str) -> str:
    """Run Python code where nothing is imported yet."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_dir_and_help_list_every_public_name_before_any_is_used() -> None:
    """Names that are not loaded yet are completed, listed and documented all the same."""
    printed = _in_a_new_process(
        "import json, pydoc, nwb_unitrefine as package\n"
        "listed = dir(package)\n"
        "print(json.dumps([listed, pydoc.render_doc(package, renderer=pydoc.plaintext)]))"
    )
    names, page = json.loads(printed)
    assert set(nwb_unitrefine.__all__) < set(names)
    for name in set(nwb_unitrefine.__all__) - {"errors"}:
        assert f"\n    {name}(" in page or f"\n    class {name}(" in page, name


def test_every_public_function_states_what_it_does() -> None:
    """Each name of the public face exists, and has a docstring that documents its arguments and what it returns."""
    for name in filter(str.islower, set(nwb_unitrefine.__all__) - {"errors"}):
        documentation = getattr(nwb_unitrefine, name).__doc__
        for section in ("Parameters\n", "Returns\n" if name != "label_many" else "Yields\n", "Raises\n"):
            assert section in documentation, (name, section)


def test_importing_the_package_loads_no_library_beyond_python() -> None:
    """The import costs next to nothing: not even numpy, and no module of ours but the package itself."""
    code = (
        "import json, sys; before = set(sys.modules); import nwb_unitrefine\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    loaded = json.loads(_in_a_new_process(code))
    assert [name for name in loaded if name.partition(".")[0] in {"numpy", "h5py", "click", "rich", "pandas"}] == []
    assert [name for name in loaded if name.startswith("nwb_unitrefine.")] == []


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    """A misspelt name fails as it does in any module."""
    assert not hasattr(nwb_unitrefine, "cruate")

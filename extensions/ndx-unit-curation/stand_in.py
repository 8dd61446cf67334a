"""Loads the copy of ndx-unit-curation that nwb-unitrefine brings, where the distribution of that name is not installed.

nwb-unitrefine installs this file as the module ``ndx_unit_curation`` and the copy inside its own package. The
distribution ndx-unit-curation installs a package ``ndx_unit_curation``, which Python prefers to a module of the same
name. The two share no file, so each can be installed and uninstalled without breaking the other.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_FOLDER = Path(__file__).parent / "nwb_unitrefine" / "ndx_unit_curation"
_spec = spec_from_file_location(__name__, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)])
assert _spec is not None
assert _spec.loader is not None
sys.modules[__name__] = module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[__name__])

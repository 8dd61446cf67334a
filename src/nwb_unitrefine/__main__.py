"""``python -m nwb_unitrefine``: the same as the command ``nwb-unitrefine``."""

import sys

from nwb_unitrefine.cli import main

sys.exit(main())

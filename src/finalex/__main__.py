"""The command line, for `python -m finalex`."""

import sys

from finalex.cli import main

sys.exit(main())

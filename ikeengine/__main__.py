"""`python -m ikeengine` is the command `ikeengine`."""

import sys

from ikeengine.cli.main import main

sys.exit(main())

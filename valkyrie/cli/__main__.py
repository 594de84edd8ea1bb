"""``python -m valkyrie.cli``."""

import sys

from valkyrie.cli.main import main

sys.exit(main())

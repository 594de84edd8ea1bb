"""asv suites, one file per noun.

asv imports this folder alone, so the checkout is appended to the path for ``asv_benchmarks.data``: appended, since the
installed valkyrie of the environment must be found before the one beside this folder.
"""

import sys
from pathlib import Path

_CHECKOUT = str(Path(__file__).resolve().parents[2])
if _CHECKOUT not in sys.path:
    sys.path.append(_CHECKOUT)

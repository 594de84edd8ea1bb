"""``python -m valkyrie.cli``."""

from valkyrie.cli.main import main

main()

"""The command line, ``valkyrie``."""

from valkyrie.cli.main import main

__all__ = ["main"]

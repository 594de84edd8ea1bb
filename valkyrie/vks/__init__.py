"""The `.vks` file: a container of checked, read-only, one-dimensional numpy arrays; `valkyrie.vks.format` draws it."""

from valkyrie.vks.directory import Entry
from valkyrie.vks.disk import PermissionSourceError, SourceNotFoundError, source_error
from valkyrie.vks.format import FORMATS, VERSION, Section, first_impossible
from valkyrie.vks.reader import File, read
from valkyrie.vks.replacement import replacement
from valkyrie.vks.writer import write

__all__ = [
    "FORMATS",
    "VERSION",
    "Entry",
    "File",
    "PermissionSourceError",
    "Section",
    "SourceNotFoundError",
    "first_impossible",
    "read",
    "replacement",
    "source_error",
    "write",
]

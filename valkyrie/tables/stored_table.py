"""What every table does with files and pickles: it gives its arrays, by name, and takes them back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from valkyrie import vks
from valkyrie.typing import AnyArray

__all__ = ["StoredTable"]


class StoredTable:
    """A table that is its arrays."""

    __slots__ = ()

    content: ClassVar[str]
    """What a file of it holds."""

    section_kind: ClassVar[str]
    """What its sections are for."""

    @abstractmethod
    def to_columns(self) -> dict[str, AnyArray]:
        """The arrays by name."""

    @classmethod
    @abstractmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Self:
        """Take the arrays that `to_columns` gave."""

    def save(self, path: Any) -> None:
        """Write the table to a ``.vks`` file, whole or not at all; `valkyrie.load` reads it.

        Raises
        ------
        SourceError
            The file cannot be written; what was under the name before is still there.
        """
        sections = [vks.Section(self.section_kind, name, values) for name, values in self.to_columns().items()]
        vks.write(path, sections, content=self.content)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_columns, (self.to_columns(),)

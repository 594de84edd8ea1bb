"""What every table has in common: it gives its arrays, by name, for files and pickles, and takes them back; and some have changes
that wait beside them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

from valkyrie import vks
from valkyrie.parallel import thread_count
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

    @property
    def pending(self) -> int:
        """How many changed keys wait beside the arrays of the table: none, in most tables."""
        return 0

    @property
    def merge_due(self) -> bool:
        """Whether so much is pending that lookups feel it."""
        return False

    def merged(self, *, threads: int | None = 1) -> Self:
        """The same content with nothing pending: built again, unless there is nothing to do."""
        thread_count(threads)
        return self

    def rebased(self, before: Any, merged: Any) -> Self | None:
        """The content of this table over the arrays of another: so that a merge can be done beside those who edit.

        Parameters
        ----------
        before, merged : table
            A table, and its merged form.

        Returns
        -------
        table or None
            None if nothing of `merged` is of use.
        """
        return cast(Self, merged) if self is before else None

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

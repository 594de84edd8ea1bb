"""Snapshot: tables at one version. Immutable, so that readers need no lock; an edit makes another that shares what is unchanged.

::

    build -> Snapshot (version None) --with_routes--> Snapshot (None) --SnapshotManager.publish--> Snapshot (version 7)
                 |                                        |
                 '--- tables, by reference ---------------'   an edit of 100 keys copies a patch of 100 keys

The digest is of the content alone: however two snapshots came to hold the same tables, they have the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, Self, TypeAlias

import numpy as np

from valkyrie import records
from valkyrie.arrays import Columns
from valkyrie.errors import ArgumentError
from valkyrie.snapshot.digest import content_digest
from valkyrie.snapshot.explanation import Explanation, explained
from valkyrie.snapshot.kinds import described_kind, fitting_tables, one_table
from valkyrie.tables import IdTable, PrefixTable, RouteTable, Table, edit_lengths, index_of
from valkyrie.typing import AnyArray, Int16Array, Int32Array, LoadMode, OnDuplicate, UInt8Array, Verify

__all__ = ["Lineage", "Origin", "Snapshot"]

Lineage: TypeAlias = str | Mapping[str, Table] | None
"""A digest or, while nobody has asked for it, the tables to compute it from: to publish must not cost a look at every key."""

_OK, _MISS = records.STATUS.index("ok"), records.STATUS.index("miss")
_MOST_TABLES = 32_767
_LONE_SHARE = 8


class Origin:
    """Which snapshot the edits of one go back to: each that was built, loaded or published is one of its own.

    It is told by identity, and a manager remembers as what version it took it; what nobody holds is forgotten.

    Attributes
    ----------
    manager : object
        A token of the manager that published it; None if it was built or loaded.
    version : int or None
        Under which version.
    """

    __slots__ = ("__weakref__", "manager", "version")

    def __init__(self, manager: object = None, version: int | None = None) -> None:
        self.manager = manager
        self.version = version


class Snapshot:
    """Tables at one version, immutable.

    Made by `build`, `load`, an edit, or `SnapshotManager.publish`. Safe to share between threads, across a fork and, mapped from
    a file, between processes.

    Attributes
    ----------
    tables : mapping of str to IdTable, PrefixTable or RouteTable
        In the order in which lookups try them.
    version : int or None
        Given by `SnapshotManager.publish`; None before.
    created_at : float or None
        When it was published, in seconds since the epoch.
    origin : Origin
        Itself if it was built, loaded or published; else the one of these that it was edited from.
    is_edit : bool
        Whether it was edited since.
    """

    __slots__ = ("__weakref__", "_digest", "_file", "_parent", "created_at", "is_edit", "origin", "tables", "version")

    tables: Mapping[str, Table]
    version: int | None
    created_at: float | None
    origin: Origin
    is_edit: bool
    _digest: str | None
    _parent: Lineage
    _file: str | None

    def __init__(
        self,
        tables: Mapping[str, Table],
        *,
        version: int | None = None,
        created_at: float | None = None,
        origin: Origin | None = None,
        is_edit: bool = False,
        digest: str | None = None,
        parent: Lineage = None,
        file: str | None = None,
    ) -> None:
        """Put tables together, with what is known of them; use `build`."""
        if not isinstance(tables, Mapping):
            raise ArgumentError(
                f"tables: a mapping of names to tables is needed, got {type(tables).__name__}",
                hint="Snapshot.build() takes a table, or several by name",
            )
        put = object.__setattr__
        put(self, "tables", MappingProxyType(dict(tables)))
        put(self, "version", version)
        put(self, "created_at", created_at)
        put(self, "origin", origin or Origin())
        put(self, "is_edit", is_edit)
        put(self, "_digest", digest)
        put(self, "_parent", parent)
        put(self, "_file", file)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a snapshot cannot be changed; with_routes() and the like make another, not assigning {name!r}")

    @classmethod
    def build(cls, tables: Table | Mapping[str, Table]) -> Self:
        """Put tables together.

        Parameters
        ----------
        tables : IdTable, PrefixTable or RouteTable, or mapping of str to them
            One table is named "routes". Lookups try them in their order.

        Raises
        ------
        ArgumentError
            There is none, or one is no table or has no name.
        """
        if isinstance(tables, IdTable | PrefixTable | RouteTable):
            tables = {"routes": tables}
        if not isinstance(tables, Mapping) or not tables:
            raise ArgumentError(
                f"tables: a table or a mapping of names to tables is needed, got {tables!r}"[:200],
                hint='Such as {"tenants": vk.IdTable.build(ids)}',
            )
        if len(tables) > _MOST_TABLES:
            raise ArgumentError(f"tables: at most {_MOST_TABLES:,} tables, got {len(tables):,}", hint="Join some of them")
        for name, table in tables.items():
            _check(name, table)
        return cls(tables)

    @property
    def digest(self) -> str:
        """128 bits of the content, 32 hexadecimal digits: equal for equal tables, whatever their history.

        Computed when first asked for, about 30 ns a key; after an edit, only what was changed is hashed.
        """
        if self._digest is None:
            digest = content_digest(self.tables)
            object.__setattr__(self, "_digest", digest)
            return digest
        return self._digest

    @property
    def parent(self) -> str | None:
        """Digest of the snapshot that this one was edited from or, once it is published, of the version before it."""
        if isinstance(self._parent, Mapping):
            digest = content_digest(self._parent)
            object.__setattr__(self, "_parent", digest)
            return digest
        return self._parent

    def lineage_for(self, tables: Mapping[str, Table]) -> Lineage:
        """What a snapshot of these tables that follows on this one has as its parent.

        The tables of this one are put off to be hashed when somebody asks, if the others keep most of their bytes in memory
        anyway; if not, the parent would keep them alone, so they are hashed now.
        """
        if self._digest is not None:
            return self._digest
        theirs = {id(array): int(array.nbytes) for table in tables.values() for array in table.arrays()}
        alone = {id(array): int(array.nbytes) for array in self.arrays() if id(array) not in theirs}
        return self.tables if sum(alone.values()) * _LONE_SHARE <= sum(theirs.values()) else self.digest

    @property
    def path(self) -> str | None:
        """The file it was loaded from, if it was mapped."""
        return self._file

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, each counted once."""
        return sum({id(array): int(array.nbytes) for array in self.arrays()}.values())

    @property
    def pending(self) -> int:
        """How many changed keys wait beside the arrays of the tables."""
        return sum(table.pending for table in self.tables.values())

    @property
    def merge_due(self) -> bool:
        """Whether so much is pending in a table that lookups feel it."""
        return any(table.merge_due for table in self.tables.values())

    def arrays(self) -> Iterator[AnyArray]:
        """Every array of every table; snapshots made from one another share most of them."""
        for table in self.tables.values():
            yield from table.arrays()

    def with_routes(
        self,
        routes: Mapping[Any, int] | tuple[Any, Any],
        *,
        table: str | None = None,
        lengths: Any = None,
        on_duplicate: OnDuplicate = "error",
    ) -> Self:
        """A snapshot in which keys lead to other rows, whether or not they were there; the rest is shared.

        Parameters
        ----------
        routes : mapping of key to row, or (keys, rows)
            Keys in any container, rows from 0 to 2**31 - 1; those of a RouteTable must be in its payload.
        table : str, optional
            Needed if several tables could hold the keys.
        lengths : array-like of int, optional
            Of prefixes that need them.
        on_duplicate : {"error", "first", "last"}

        Raises
        ------
        ArgumentError, AmbiguousKeyError, KeyTypeError, DuplicateKeyError, CapacityError
        """
        keys, rows = _pairs(routes)
        name = one_table(self.tables, keys, table)
        edit = self.tables[name].replace(keys, rows, on_duplicate=on_duplicate, **edit_lengths(self.tables[name], lengths))
        return self._with(name, edit)

    def without_routes(
        self,
        keys: Any,
        *,
        table: str | None = None,
        lengths: Any = None,
        errors: Literal["raise", "ignore"] = "raise",
    ) -> Self:
        """A snapshot in which keys lead nowhere; the rest is shared. Arguments as `with_routes`.

        Parameters
        ----------
        errors : {"raise", "ignore"}
            Whether a key that is not there is an error.

        Raises
        ------
        KeyNotFoundError, ArgumentError, AmbiguousKeyError, KeyTypeError
        """
        name = one_table(self.tables, keys, table)
        return self._with(name, self.tables[name].without(keys, errors=errors, **edit_lengths(self.tables[name], lengths)))

    def with_table(self, name: str, table: Table) -> Self:
        """A snapshot with another table under a name, in its place or, if the name is new, behind the others."""
        _check(name, table)
        return self._with(name, table)

    def without_table(self, name: str) -> Self:
        """A snapshot without a table.

        Raises
        ------
        ArgumentError
            There is no such table, or no other.
        """
        one_table(self.tables, None, name)
        if len(self.tables) == 1:
            raise ArgumentError(f"name: {name!r} is the only table", hint="A snapshot holds at least one")
        return self._edited({other: table for other, table in self.tables.items() if other != name})

    def merged(self, *, threads: int | None = 1) -> Self:
        """The same content, version and digest with nothing pending: tables are built again where something was."""
        tables = {name: table.merged(threads=threads) for name, table in self.tables.items()}
        if all(table is self.tables[name] for name, table in tables.items()):
            return self
        facts = self._facts() | {"parent": self.parent}  # not its tables: they hold the arrays that are built again
        return type(self)(tables, **facts)

    def as_published(self, *, version: int, parent: Lineage, created_at: float, origin: Origin) -> Self:
        """This content as a version: for those who publish.

        Parameters
        ----------
        parent : str, mapping of tables or None
            The `lineage` of the version before.
        """
        return type(self)(
            self.tables, version=version, parent=parent, created_at=created_at, origin=origin, digest=self._digest
        )

    def lookup_many(self, keys: Any, *, table: str | None = None, threads: int | None = 1) -> Columns:
        """Where keys lead.

        Parameters
        ----------
        keys : array-like, length n
            In any container. They are looked up in the tables of their kind, in order, until one has them.
        table : str, optional
            Look in this table alone; needed if tables of several kinds could hold the keys.
        threads : int or None

        Returns
        -------
        Columns
            target : int32, the row that the key leads to, -1 where it is in no table; status : uint8, a code of
            `records.STATUS`, 0 "ok" or 2 "miss"; rule : int16, position of the table that answered, -1 if none did.

        Raises
        ------
        AmbiguousKeyError, KeyTypeError, ArgumentError
        """
        names = fitting_tables(self.tables, keys, table)
        positions = list(self.tables)
        target = self._rows(names[0], keys, threads)
        rule: Int16Array = np.where(target >= 0, np.int16(positions.index(names[0])), np.int16(-1))
        for name in names[1:]:
            open_ = np.flatnonzero(target < 0)
            if not len(open_):
                break
            if isinstance(keys, np.ndarray):
                rows = self._rows(name, keys[open_], threads)
            else:
                rows = self._rows(name, keys, threads)[open_]
            target[open_] = rows
            rule[open_[rows >= 0]] = positions.index(name)
        status: UInt8Array = np.where(target >= 0, np.uint8(_OK), np.uint8(_MISS))
        return Columns.from_answers({"target": (target, None), "status": (status, None), "rule": (rule, None)})

    def targets_of(self, keys: Any, *, table: str | None = None, threads: int | None = 1) -> Int32Array:
        """The targets of `lookup_many` alone: int32, shape (n,)."""
        names = fitting_tables(self.tables, keys, table)
        if len(names) == 1:
            return self._rows(names[0], keys, threads)
        target: Int32Array = self.lookup_many(keys, table=table, threads=threads)["target"]
        return target

    def lookup(self, key: Any, *, table: str | None = None) -> int | None:
        """Where one key leads: its row, or None. Errors as `lookup_many`."""
        for name in fitting_tables(self.tables, key, table, single=True):
            index = index_of(self.tables[name])
            row = index.lookup(key) if isinstance(index, PrefixTable) else index.get(key)
            if row is not None:
                return row
        return None

    def explain(self, key: Any, *, table: str | None = None) -> Explanation:
        """Why a key leads where it leads: which table, which rule, what else was asked. Errors as `lookup_many`."""
        return explained(self, key, fitting_tables(self.tables, key, table, single=True))

    def save(self, path: Any) -> None:
        """Write the snapshot to a ``.vks`` file, whole or not at all; `load` and `valkyrie.load` read it.

        Raises
        ------
        SourceError
            The file cannot be written; what was under the name before is still there.
        """
        from valkyrie.snapshot.files import save

        save(self, path)

    @classmethod
    def load(cls, path: Any, *, mode: LoadMode = "mmap", verify: Verify = "full", digest: str | None = None) -> Snapshot:
        """Load a snapshot from a ``.vks`` file.

        Parameters
        ----------
        path, mode, verify
            As `valkyrie.load` takes them. With ``verify="full"`` the digest is computed from what the file holds; otherwise it is
            taken from it.
        digest : str, optional
            What was promised.

        Raises
        ------
        DigestMismatchError
            The file holds another snapshot than was promised.
        SnapshotFormatError, SourceError
        """
        from valkyrie.snapshot.files import load_snapshot

        return load_snapshot(path, mode=mode, verify=verify, digest=digest)

    def to_columns(self) -> dict[str, AnyArray]:
        """The arrays by name, for storing: ``meta``, and those of each table behind its number."""
        from valkyrie.snapshot.files import to_columns

        return to_columns(self)

    @classmethod
    def from_columns(cls, columns: Mapping[str, AnyArray]) -> Snapshot:
        """Take the arrays that `to_columns` gave, borrowed and not copied: they must not change.

        Raises
        ------
        SnapshotFormatError
        """
        from valkyrie.snapshot.files import from_columns

        return from_columns(columns)

    def __copy__(self) -> Self:
        """Itself: a copy of what never changes would only have lost where it comes from."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself, as `__copy__`."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """By path and digest where it is mapped from a file, which the reader maps too; else by its arrays."""
        if self._file is not None:
            from valkyrie.snapshot.files import load_promised

            return load_promised, (self._file, self.digest)
        return type(self).from_columns, (self.to_columns(),)

    def __repr__(self) -> str:
        named = ", ".join(f"{name}: {len(table):,} {described_kind(table)}" for name, table in self.tables.items())
        version = "unpublished" if self.version is None else f"version {self.version}"
        pending = f", {self.pending:,} pending" if self.pending else ""
        return f"Snapshot({version}, {named}, {self.nbytes:,} bytes{pending})"

    def _repr_html_(self) -> str:
        import html

        head = "<tr><th>table</th><th>kind</th><th>keys</th><th>pending</th></tr>"
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{described_kind(table)}</td><td>{len(table):,}</td><td>{table.pending:,}</td></tr>"
            for name, table in self.tables.items()
        )
        version = "unpublished" if self.version is None else f"version {self.version}"
        return f"<b>Snapshot</b>, {version}, {self.nbytes:,} bytes<table>{head}{rows}</table>"

    def _rows(self, name: str, keys: Any, threads: int | None) -> Int32Array:
        index = index_of(self.tables[name])
        if isinstance(index, IdTable):
            return index.get_many(keys, threads=threads)
        rows = index.lookup_many(keys, threads=threads)
        assert isinstance(rows, np.ndarray)
        return rows

    def _with(self, name: str, table: Table) -> Self:
        return self if self.tables.get(name) is table else self._edited({**self.tables, name: table})

    def _edited(self, tables: Mapping[str, Table]) -> Self:
        return type(self)(tables, parent=self.lineage_for(tables), origin=self.origin, is_edit=True)

    def _facts(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "created_at": self.created_at,
            "origin": self.origin,
            "is_edit": self.is_edit,
            "digest": self._digest,
            "parent": self._parent,
        }


def _check(name: Any, table: Any) -> None:
    if not isinstance(name, str) or not name or not name.isprintable():
        raise ArgumentError(f"tables: {name!r} is no name of a table", hint="Use printable text")
    if not isinstance(table, IdTable | PrefixTable | RouteTable):
        raise ArgumentError(
            f"tables: {name!r} is {type(table).__name__}, a table is needed", hint="Build an IdTable, PrefixTable or RouteTable"
        )


def _pairs(routes: Any) -> tuple[Any, Any]:
    if isinstance(routes, Mapping):
        return list(routes), list(routes.values())
    if isinstance(routes, tuple) and len(routes) == 2:
        return routes
    raise ArgumentError(
        f"routes: a mapping of keys to rows or a pair (keys, rows) is needed, got {type(routes).__name__}",
        hint="Such as {7: 0} or (ids, rows)",
    )

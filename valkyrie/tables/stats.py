"""Statistics of tables: attributes, a mapping of the same names, and a table to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Statistics"]


@dataclass(frozen=True, eq=False, repr=False)
class Statistics(Mapping[str, Any]):
    """Numbers and words about a table; what they are, its classes say."""

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return any(field.name == name for field in fields(self))

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))

    def written(self, name: str) -> str:
        """A statistic as a person would read it."""
        value = getattr(self, name)
        if isinstance(value, float):
            return f"{value:.3f}"
        return f"{value:,}" if type(value) is int else str(value)

    def __repr__(self) -> str:
        width = max(map(len, self))
        return "\n".join(f"{name:{width}} {self.written(name)}" for name in self)

    def _repr_html_(self) -> str:
        import html

        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(self.written(name))}</td></tr>"
            for name in self
        )
        return f"<table>{rows}</table>"

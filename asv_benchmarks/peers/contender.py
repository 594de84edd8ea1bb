"""What the timing needs to know of a table, ours or another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..data import Keys, Rows
from .forms import in_form


class Contender:
    """A table of keys whose row is their position.

    ``build`` sets ``answer``, the call that is timed: prepared queries in, the library's own
    result out. It is an attribute, not a method, so that a call of one key pays for no frame of ours.

    Parameters
    ----------
    keys : ndarray, shape (n,)
        Distinct keys as ``data`` makes them.
    form : str
        The container of the workload; a contender may take a form that suits it better.
    """

    name: ClassVar[str]
    forms: ClassVar[tuple[str, ...]]
    answers_misses: ClassVar[bool] = True
    indexes_each_call: ClassVar[bool] = False
    """The table is hashed anew by every call: slow, so left out of the largest sizes."""

    answer: Callable[[Any], Any]
    form: str

    def __init__(self, keys: Keys, form: str) -> None:
        self.form = form
        self.build(keys)

    def build(self, keys: Keys) -> None:
        """Index `keys` and set ``answer``."""
        raise NotImplementedError

    def prepare(self, queries: Keys) -> Any:
        """`queries` in the container this library likes best; not timed."""
        return in_form(queries, self.form)

    def rows(self, answer: Any) -> Rows:
        """The rows in a result, -1 for a miss; not timed."""
        return np.asarray(answer, dtype=np.int64)

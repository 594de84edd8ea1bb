"""Ours."""

from __future__ import annotations

from ..data import Keys
from .contender import Contender
from .forms import FORMS, in_form


class Valkyrie(Contender):
    """``IdTable.get_many`` on the container of the workload itself."""

    name = "valkyrie"
    forms = FORMS

    def build(self, keys: Keys) -> None:
        """Index `keys` given in the container of the workload."""
        import valkyrie

        self.table = valkyrie.IdTable.build(in_form(keys, self.form))
        self.answer = self.table.get_many


def cpu_level() -> str:
    """The instruction set level that the kernels run at."""
    from valkyrie import _native

    return str(_native.cpu_level())

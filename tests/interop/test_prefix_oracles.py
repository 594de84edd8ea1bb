"""PrefixTable beside what nobody here wrote: radix trees, the telephone and vendor libraries, bisection, on real data."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import valkyrie as vk
from tests.long.prefix_oracles import run
from tests.prefix_oracles import ORACLES

LOOKUPS = {name: 1_000_000 if name in ("IPv4, pytricia", "IPv6, py-radix") else 200_000 for name in ORACLES}


@pytest.mark.parametrize("name", ORACLES)
def test_the_answers_are_those_of_the_package(name):
    done, wrong = run(ORACLES[name](), LOOKUPS[name], batch=200_000, seed=0, advance=lambda n: None)
    assert done == LOOKUPS[name]
    assert wrong == []


@pytest.mark.parametrize("name", ORACLES)
def test_a_comparison_sees_a_wrong_table(name, monkeypatch):
    """Prefixes that are missing from the table only: without every tenth of them many answers differ."""
    build = vk.PrefixTable.build

    def without_some(prefixes, *, lengths=None, **how):
        kept = np.flatnonzero(np.arange(len(prefixes)) % 10)
        chosen = prefixes[kept] if isinstance(prefixes, np.ndarray) else [prefixes[i] for i in kept]
        return build(chosen, kept, lengths=None if lengths is None else lengths[kept], **how)

    monkeypatch.setattr(vk.PrefixTable, "build", without_some)
    assert len(ORACLES[name]()(20_000, np.random.default_rng(0))) > 100


def test_the_long_form_counts_what_it_compares():
    command = [sys.executable, "-m", "tests.long.prefix_oracles", "--count", "300", "--batch", "200"]
    done = subprocess.run([*command, "publicsuffix2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["600", "lookups", "0", "differ"]
    refused = subprocess.run([*command, "nobody"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "pytricia" in refused.stderr

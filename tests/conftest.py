"""One hypothesis profile for every run, and a seed that a failing test prints."""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.sizes import EXAMPLES

settings.register_profile(
    "valkyrie",
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="VALKYRIE_TEST_SEED" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("valkyrie")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers of the test's own: the same in every run unless ``VALKYRIE_TEST_SEED`` says otherwise."""
    seed = [zlib.crc32(request.node.nodeid.encode()), int(os.environ.get("VALKYRIE_TEST_SEED", "0"))]
    print(f"seed {seed}")
    return np.random.default_rng(seed)

"""The benchmarks' own promises: honest data, checked answers, goals read the right way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import airportsdata
import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
if str(CHECKOUT) not in sys.path:
    sys.path.append(str(CHECKOUT))

from asv_benchmarks import data  # noqa: E402
from asv_benchmarks.floor import DISTANCES, LEVELS, Floor  # noqa: E402
from asv_benchmarks.peers import clock, goals, report  # noqa: E402
from asv_benchmarks.peers.contender import Contender  # noqa: E402
from asv_benchmarks.peers.entrants import CONTENDERS, WrongAnswerError, attempt, check, entrants  # noqa: E402
from asv_benchmarks.peers.forms import FORMS, in_form  # noqa: E402
from asv_benchmarks.peers.measurement import OURS, Measurement, Settings  # noqa: E402
from asv_benchmarks.peers.open_addressing import plan_slots  # noqa: E402
from asv_benchmarks.peers.scenarios import SCENARIOS  # noqa: E402
from asv_benchmarks.peers.valkyrie_table import Valkyrie  # noqa: E402

N = 1_000


def airport_names() -> list[str]:
    """28,000 real names, some of them not ASCII, so that the tests need not unpack the large set of surnames."""
    return sorted({airport["name"] for airport in airportsdata.load("ICAO").values()})


def name_pairs(n: int, n_absent: int, seed: int = 0) -> data.KeyPool:
    return data.surname_pairs(n, n_absent, seed, airport_names())


def surname_halves(n: int, n_absent: int, seed: int = 0) -> data.KeyPool:
    return data.single_surnames(seed, airport_names()[: n + n_absent])


POOLS: dict[str, Callable[..., data.KeyPool]] = {
    "uniform": data.uniform_u64,
    "dense": data.dense_u64,
    "b16": data.uniform_b16,
    "pairs": name_pairs,
    "halves": surname_halves,
}


@pytest.mark.parametrize("pool_name", POOLS)
def test_keys_and_absent_keys_are_distinct(pool_name: str) -> None:
    pool = POOLS[pool_name](N, N)
    everything = pool.keys.tolist() + pool.absent.tolist()
    assert len(pool.keys) == len(pool.absent) == N
    assert len(set(everything)) == 2 * N


@pytest.mark.parametrize("pool_name", POOLS)
def test_same_seed_gives_same_arrays_and_another_gives_others(pool_name: str) -> None:
    first, again, other = (POOLS[pool_name](N, N, seed) for seed in (3, 3, 4))
    assert (first.keys == again.keys).all()
    assert (first.absent == again.absent).all()
    assert (first.keys != other.keys).any()


@pytest.mark.parametrize("hit_percent", [100, 50, 0])
@pytest.mark.parametrize("pool_name", POOLS)
def test_queries_have_the_share_of_hits_and_distinct_misses(pool_name: str, hit_percent: int) -> None:
    pool = POOLS[pool_name](N, N)
    queries = pool.queries(N, hit_percent)
    row_of = {key: row for row, key in enumerate(pool.keys.tolist())}
    asked = queries.keys.tolist()
    assert [row_of.get(key, -1) for key in asked] == queries.rows.tolist()
    misses = [key for key in asked if key not in row_of]
    assert len(misses) == N - N * hit_percent // 100
    assert len(set(misses)) == len(misses)


def test_queries_refuse_to_repeat_a_miss() -> None:
    with pytest.raises(ValueError, match="500 distinct misses wanted, the pool has 400"):
        data.uniform_u64(N, 400).queries(N, 50)


def test_queries_share_no_text_object_with_the_keys() -> None:
    pool = name_pairs(N, N)
    assert not {id(key) for key in pool.keys} & {id(key) for key in pool.queries(N, 100).keys}
    assert not {id(key) for key in pool.keys} & {id(key) for key in pool.zipf(N).keys}


def test_pairs_are_as_long_as_promised_and_not_all_ascii() -> None:
    keys = name_pairs(N, N).keys
    sizes = [len(key.encode()) for key in keys]
    assert data.SHORTEST_PAIR <= min(sizes) <= max(sizes) <= data.LONGEST_PAIR
    assert not all(key.isascii() for key in keys)


def test_zipf_asks_for_the_most_popular_key_as_often_as_its_law_says() -> None:
    pool, m = data.uniform_u64(N, 0), 200_000
    queries = pool.zipf(m)
    assert (pool.keys[queries.rows] == queries.keys).all()
    shares = np.arange(1, N + 1) ** -1.1
    shares /= shares.sum()
    counted = np.array([count for _, count in Counter(queries.rows.tolist()).most_common(5)]) / m
    # Five standard deviations of a share of 0.18 among 200,000 draws are 0.0043.
    np.testing.assert_allclose(counted, shares[:5], atol=0.0045)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("ahead", DISTANCES)
def test_floor_reads_a_line_for_every_id(level: str, ahead: int) -> None:
    ids = data.uniform_u64(1_000, 0).keys
    floor = Floor(64 * 100, ids)
    for n in (0, 1, 7, 8, 9, ahead - 1, ahead, ahead + 1, 999, 1_000):
        # The block of memory is filled with ones, so every int32 that is read is 0x01010101.
        assert (floor._touch(ids[:n], level, ahead) == 0x01010101).all()


@pytest.mark.parametrize("form", FORMS)
def test_every_contender_answers_rightly_or_is_reported_missing(form: str) -> None:
    make = {"u64": data.uniform_u64, "b16": data.uniform_b16}.get(form, name_pairs)
    pool = make(N, N)
    answered = set()
    for contender_type in entrants(form, N, Settings(all_peers=True)):
        problems: dict[str, str] = {}
        contender = attempt(contender_type.name, lambda build=contender_type: build(pool.keys, form), problems)  # type: ignore[misc]
        if contender is None:
            assert problems[contender_type.name].startswith("not installed")
            continue
        for hit_percent in (100, 50, 0):
            measurement = Measurement(f"{form}-h{hit_percent}")
            right = check(contender, pool.queries(N, hit_percent), measurement)
            assert right or measurement.problems == {contender.name: "cannot answer misses"}
        answered.add(contender.name)
    assert OURS in answered


def test_numba_tables_choose_an_unused_key_that_is_not_a_key() -> None:
    keys = np.array([2**64 - 1, 2**64 - 2, 5], np.uint64)
    n_slots, _, unused = plan_slots(keys)
    assert unused not in keys
    assert len(keys) <= 0.6 * n_slots
    for contender_type in (c for c in CONTENDERS if c.name.startswith("numba")):
        contender = attempt(contender_type.name, lambda build=contender_type: build(keys, "u64"), problems := {})  # type: ignore[misc, var-annotated]
        if contender is None:
            assert problems[contender_type.name].startswith("not installed")
        else:
            asked = np.array([unused, 2**64 - 2, 2**64 - 1, 6], np.uint64)
            assert contender.rows(contender.answer(asked)).tolist() == [-1, 1, 0, -1]


class OffByOne(Contender):
    """A peer whose answers are wrong."""

    name = "off by one"
    forms = ("u64",)

    def build(self, keys: data.Keys) -> None:
        self.answer = lambda queries: np.ones(len(queries), np.int64)


class OursOffByOne(Valkyrie):
    """Ours, wrong."""

    def build(self, keys: data.Keys) -> None:
        self.answer = lambda queries: np.ones(len(queries), np.int64)


def test_wrong_answers_disqualify_a_peer_and_stop_us() -> None:
    pool = data.uniform_u64(N, 0)
    queries = pool.queries(N, 100)
    measurement = Measurement("u64-1e4-h100")
    assert not check(OffByOne(pool.keys, "u64"), queries, measurement)
    n_wrong = np.count_nonzero(queries.rows != 1)
    assert measurement.problems == {"off by one": f"{n_wrong} of {N} answers are wrong"}
    with pytest.raises(WrongAnswerError, match="u64-1e4-h100"):
        check(OursOffByOne(pool.keys, "u64"), queries, measurement)


def test_forms_hold_the_same_keys() -> None:
    names = name_pairs(200, 0).keys
    expected = names.tolist()
    assert in_form(names, "arrow").to_pylist() == expected
    assert [key.decode() for key in in_form(names, "S").tolist()] == expected
    assert in_form(names, "U").tolist() == in_form(names, "stringdtype").tolist() == expected


def test_tasks_run_once_a_round_and_take_turns_at_being_first() -> None:
    ran: list[str] = []
    tasks = {name: lambda name=name: ran.append(name) for name in "abc"}
    costs = clock.interleave(tasks, 3, 10)
    assert ran == list("abcbcacab")
    assert set(costs) == set("abc")
    assert all(cost.cpu >= 0 and cost.wall > 0 for cost in costs.values())


@pytest.mark.parametrize(
    ("goal", "figure", "verdict"),
    [
        (goals.Goal(goals.BEST, 3.0, 5.0), 5.0, "moonshot"),
        (goals.Goal(goals.BEST, 3.0, 5.0), 3.0, "must"),
        (goals.Goal(goals.BEST, 3.0, 5.0), 2.99, "short"),
        (goals.Goal(goals.FLOOR, 1.6, 1.2), 1.2, "moonshot"),
        (goals.Goal(goals.FLOOR, 1.6, 1.2), 1.6, "must"),
        (goals.Goal(goals.ITSELF, 15.0, 12.0), 15.1, "short"),
        (goals.Goal(goals.BEST), 0.1, "-"),
        (goals.Goal(goals.BEST, None, 20.0), 19.0, "-"),
        (goals.Goal(goals.BEST, None, 20.0), 20.0, "moonshot"),
    ],
)
def test_verdicts_at_the_bounds(goal: goals.Goal, figure: float, verdict: str) -> None:
    assert goal.verdict(figure) == verdict


def test_figures_compare_with_the_cheapest_contender_that_fits() -> None:
    costs = {OURS: 2.0, goals.FLOOR: 1.0, "numba split": 7.0, "numba pairs": 6.0, "pandas": 20.0}
    measured = Measurement("u64-1e7-h100", {name: clock.Cost(cost, 10 * cost) for name, cost in costs.items()})
    row = goals.find_row("u64-1e7-h100")
    assert [measured.opponent(goal) for goal in row.goals] == ["numba pairs", "pandas", goals.FLOOR]
    assert [measured.figure(goal) for goal in row.goals] == [3.0, 10.0, 2.0]
    assert [goal["verdict"] for goal in report.as_record(measured)["goals"]] == ["short"] * 3


def test_every_row_is_filled_by_one_scenario() -> None:
    filled = [row for scenario in SCENARIOS for row in scenario.rows]
    assert sorted(filled) == sorted(row.name for row in goals.ROWS)
    assert set(goals.QUICK_SCENARIOS) <= {scenario.name for scenario in SCENARIOS}


def test_command_prints_the_rows_asked_for(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "asv_benchmarks.peers", "--rows", "u64-1e4-h50,bytes-1e6", "--rounds", "1"]
    command += ["--cpu", "-1", "--no-peers", "--levels", "default", "--json", str(figures)]
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stderr
    content = json.loads(figures.read_text())
    assert [row["row"] for row in content["rows"]] == ["u64-1e4-h50", "bytes-1e6"]
    assert set(content["rows"][0]["costs"]) == {OURS, goals.FLOOR}
    assert set(content["rows"][0]["levels"]) == {"default"}
    assert "u64-1e4-h50" in run.stdout
    assert "2 rows; short of a must:" in run.stdout

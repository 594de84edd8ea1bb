"""A SnapshotManager beside a dict of versions: whatever is done to both, they agree on every version that is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.sizes import EXAMPLES
from tests.snapshots import SetClock, content, snapshot_of
from valkyrie.errors import DuplicateKeyError, KeyNotFoundError, VersionConflictError, VersionEvictedError
from valkyrie.snapshot import Insert, Modify, Remove, Replace, SnapshotManager

Contents = dict[str, dict[Any, int]]
KEYS = {"ids": st.integers(1, 6), "names": st.sampled_from("abcdef")}
ALWAYS: Contents = {"ids": {0: 0}, "names": {"z": 0}}
ROWS = st.integers(0, 9)


def routes_of(table: str) -> st.SearchStrategy[dict[Any, int]]:
    """Some keys and rows of a table."""
    return st.dictionaries(KEYS[table], ROWS, min_size=1, max_size=4)


@st.composite
def operations(draw: st.DrawFn) -> Any:
    """An operation on one of the two tables, named or told by the kind of its keys."""
    table = draw(st.sampled_from(["ids", "names"]))
    kind = draw(st.sampled_from([Insert, Modify, Remove, Replace]))
    keys = draw(st.lists(KEYS[table], min_size=1, max_size=3))
    named = draw(st.sampled_from([table, None]))
    if kind is Remove:
        return table, Remove(keys, named)
    return table, kind(keys, [draw(ROWS) for _ in keys], named)


def applied(contents: Contents, table: str, operation: Any) -> Contents | None:
    """What a dict makes of an operation; None if it must fail."""
    keys, held = list(operation.keys), contents[table]
    if type(operation) is Remove:
        if not set(keys) <= held.keys():
            return None
        return contents | {table: {key: row for key, row in held.items() if key not in keys}}
    if len(set(keys)) < len(keys):
        return None
    if type(operation) is Insert and set(keys) & held.keys():
        return None
    if type(operation) is Modify and not set(keys) <= held.keys():
        return None
    return contents | {table: held | dict(zip(keys, operation.rows.tolist(), strict=True))}


class ManagerBesideDicts(RuleBasedStateMachine):
    """`versions` holds the content of every version ever published, `times` when; the manager keeps the last few.

    How many versions the writer thread makes of what is scheduled is a matter of luck, so nothing that is drawn depends on it.
    """

    @initialize(most=st.integers(1, 6))
    def begin(self, most: int) -> None:
        self.clock = SetClock()
        self.most = most
        first = ALWAYS
        self.manager = SnapshotManager(snapshot_of(**first), history=most, clock=self.clock)
        self.versions = {1: first}
        self.times = {1: self.clock.now}
        self.watch = self.manager.watch(since=0, timeout=0)
        self.watched = 0

    @property
    def newest(self) -> int:
        return max(self.versions)

    @property
    def kept(self) -> list[int]:
        return sorted(self.versions)[-self.most :]

    def published(self, contents: Contents) -> None:
        version = self.newest + 1
        self.times[version] = max(self.times[self.newest], self.clock.now)
        self.versions[version] = contents

    @rule(seconds=st.integers(-3, 5))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(edit=st.sampled_from(["ids", "names"]).flatmap(lambda table: st.tuples(st.just(table), routes_of(table))))
    def publish_an_edit(self, edit: Any) -> None:
        table, routes = edit
        self.manager.publish(self.manager.current.with_routes(routes, table=table))
        contents = self.versions[self.newest]
        self.published(contents | {table: contents[table] | routes})

    @rule()
    def publish_what_is_current(self) -> None:
        self.manager.publish(self.manager.current)
        self.published(self.versions[self.newest])

    @rule(ids=routes_of("ids"), names=routes_of("names"))
    def publish_from_scratch(self, ids: dict[Any, int], names: dict[Any, int]) -> None:
        contents = {"ids": ALWAYS["ids"] | ids, "names": ALWAYS["names"] | names}
        self.manager.publish(snapshot_of(**contents))
        self.published(contents)

    @rule(back=st.integers(0, 5), expects=st.booleans())
    def publish_an_old_one(self, back: int, expects: bool) -> None:
        version = self.kept[-1 - back % len(self.kept)]
        edited = self.manager.at(version=version).with_routes({6: 6}, table="ids")
        if version != self.newest:
            with pytest.raises(VersionConflictError) as caught:
                self.manager.publish(edited, expected_version=version if expects else None)
            assert caught.value.data == {"expected": version, "current": self.newest}
        self.manager.publish(edited, expected_version=self.newest)
        contents = self.versions[version]
        self.published(contents | {"ids": contents["ids"] | {6: 6}})

    @rule(done=operations())
    def update(self, done: Any) -> None:
        table, operation = done
        contents = self.versions[self.newest]
        outcome = applied(contents, table, Replace(operation.keys, [5] * len(operation.keys)))
        before = self.manager.current
        routes = (list(operation.keys), [5] * len(operation.keys))
        if outcome is None:
            with pytest.raises(DuplicateKeyError):
                self.manager.update(lambda s: s.with_routes(routes, table=table))
            assert self.manager.current is before
        else:
            self.manager.update(lambda s: s.with_routes(routes, table=table))
            self.published(outcome)

    @rule(batch=st.lists(operations(), min_size=1, max_size=12), at_once=st.booleans())
    def schedule_and_flush(self, batch: list[Any], at_once: bool) -> None:
        """At once, all become one version; else the writer thread may make several, each after some of the operations."""

        def schedule(snapshot: Any) -> Any:
            for _, operation in batch:
                self.manager.schedule(operation)
            return snapshot

        if at_once:
            self.manager.update(schedule)
            self.published(self.versions[self.newest])
        else:
            schedule(None)
        states, failures = [self.versions[self.newest]], 0
        for table, operation in batch:
            outcome = applied(states[-1], table, operation)
            failures += outcome is None
            if outcome is not None:
                states.append(outcome)
        raised: list[Exception] = []
        try:
            self.manager.flush()
        except ExceptionGroup as group:
            raised = list(group.exceptions)
        except (DuplicateKeyError, KeyNotFoundError) as error:
            raised = [error]
        assert len(raised) == failures
        assert all(isinstance(error, DuplicateKeyError | KeyNotFoundError) for error in raised)
        last = self.manager.current.version
        if at_once:
            assert last - self.newest == (len(states) > 1)
        else:
            assert last - self.newest < len(states)
        kept = self.manager.history()["version"].tolist()
        for version in range(self.newest + 1, last + 1):
            held = states[-1]
            if version in kept:
                held = {name: content(self.manager.at(version=version), name) for name in KEYS}
                assert held in states[1:]
                states = states[states.index(held) :]
            self.published(held)
        assert self.versions[last] == states[-1]

    @rule(back=st.integers(-1, 8))
    def rollback(self, back: int) -> None:
        version = self.newest - back
        if version in self.kept:
            digest = self.manager.at(version=version).digest
            assert self.manager.rollback(version).digest == digest
            self.published(self.versions[version])
        else:
            with pytest.raises(VersionEvictedError) as caught:
                self.manager.rollback(version)
            assert caught.value.data["retained"] == self.kept

    @rule(time=st.floats(990, 1030))
    def look_back_in_time(self, time: float) -> None:
        by_then = [version for version in self.kept if self.times[version] <= time]
        if by_then:
            assert self.manager.at(time=time).version == by_then[-1]
        else:
            with pytest.raises(VersionEvictedError):
                self.manager.at(time=time)

    @rule(most=st.integers(1, 4))
    def follow(self, most: int) -> None:
        for _ in range(most):
            change = next(self.watch, None)
            if self.watched == self.newest:
                assert change is None
                self.watch = self.manager.watch(since=self.watched, timeout=0)
                return
            missed = self.watched + 1 not in self.kept
            self.watched = self.newest if missed else self.watched + 1
            assert change is not None
            assert (change.version, change.resync) == (self.watched, missed)
            assert change.snapshot is self.manager.at(version=self.watched)

    @invariant()
    def all_that_is_kept_agrees(self) -> None:
        assert self.manager.current.version == self.newest
        history = self.manager.history()
        assert history["version"].tolist() == self.kept
        assert self.manager.stats.retained == len(self.kept)
        for version, time in zip(self.kept, history["created_at"].tolist(), strict=True):
            snapshot = self.manager.at(version=version)
            assert {name: content(snapshot, name) for name in KEYS} == self.versions[version]
            assert snapshot.created_at == time == self.times[version]
        assert self.manager.current.digest == snapshot_of(**self.versions[self.newest]).digest

    def teardown(self) -> None:
        if hasattr(self, "manager"):
            self.manager.close()


TestManagerBesideDicts = ManagerBesideDicts.TestCase
TestManagerBesideDicts.settings = settings(max_examples=max(1, EXAMPLES // 3), stateful_step_count=25)

"""Services, their endpoints and states: made, edited, stored, refused."""

import pickle

import numpy as np
import pandas as pd
import pytest

from valkyrie import records
from valkyrie.errors import (
    ArgumentError,
    CapacityError,
    ServiceNotFoundError,
    SnapshotFormatError,
    UnknownPolicyError,
)
from valkyrie.services import (
    Endpoint,
    EndpointTarget,
    Service,
    Services,
    Split,
    read_services,
    services_digest,
    services_from_columns,
    services_to_columns,
    targets_from_text,
    targets_text,
)


def two_services():
    web = [
        Endpoint(address=f"10.0.0.{i}", port=80, zone="ab"[i % 2], weight=1 + i, metadata={"stage": "canary"} if i == 2 else {})
        for i in range(3)
    ]
    db = [Endpoint(address="db", port=5432, hash_key="primary", health="degraded"), Endpoint(address="db2", admin="drain")]
    return Services.of([Service("web", web, tags={"team": "front"}), Service("db", db, panic_threshold=0)])


def test_a_service_comes_back_as_it_was_given():
    services = two_services()
    assert list(services) == ["web", "db"]
    assert services["db"].endpoints[0].identity == "primary"
    assert services["db"].endpoints[1] == Endpoint(address="db2", admin="drain")
    assert services["web"].tags == {"team": "front"}
    assert services.identities == ("10.0.0.0:80", "10.0.0.1:80", "10.0.0.2:80", "primary", "db2:0")
    assert services.endpoint(3).address == "db"
    assert services.endpoint_number("db2:0") == 4
    assert services.firsts.tolist() == [0, 3, 5]


def test_services_survive_storing():
    services = two_services().with_state("10.0.0.1:80", health="unhealthy", weight=0.25, load=7, latency=0.5)
    again = services_from_columns(services_to_columns(services))
    assert [again[name] for name in again] == [services[name] for name in services]
    np.testing.assert_array_equal(again.state, services.state)
    assert services_digest(again) == services_digest(services)


def test_services_survive_pickling():
    service = two_services()["web"]
    assert pickle.loads(pickle.dumps(service)) == service


def test_a_change_of_state_copies_one_service_and_shares_the_others():
    services = two_services()
    changed = services.with_state(["10.0.0.0:80", "10.0.0.2:80"], health=["unhealthy", "healthy"])
    assert changed.state["health"].tolist() == [3, 0, 1, 2, 0]
    assert services.state["health"].tolist() == [0, 0, 0, 2, 0]
    assert changed.blocks[1] is services.blocks[1]
    assert changed.blocks[0].endpoints is services.blocks[0].endpoints
    assert changed["web"].endpoints[0].health == "unhealthy"
    assert services_digest(changed) != services_digest(services)
    assert services_digest(changed.with_state([0, 2], health="unknown")) == services_digest(services)


def test_a_change_to_what_is_there_already_is_no_change():
    services = two_services()
    assert services.with_state(service="web", health="unknown") is services


def test_a_state_is_changed_by_service_number_or_identity():
    services = two_services()
    assert services.with_state(service=["db"], admin="maintenance").state["admin"].tolist() == [0, 0, 0, 2, 2]
    assert services.with_state(np.array([1, 4]), ejected="breaker").state["ejected"].tolist() == [0, 2, 0, 0, 2]
    assert services.with_state(health=[0, 1, 2, 3, 0]).state["health"].tolist() == [0, 1, 2, 3, 0]


@pytest.mark.parametrize(
    ("error", "named", "change"),
    [
        (ArgumentError, "health", {"health": "sick"}),
        (ArgumentError, "health", {"health": [0, 1]}),
        (ArgumentError, "health", {"health": 9}),
        (ArgumentError, "weight", {"weight": float("nan")}),
        (ArgumentError, "weight", {"weight": 1.5}),
        (ArgumentError, "load", {"load": -1}),
        (ArgumentError, "wieght", {"wieght": 1}),
        (ArgumentError, "nothing", {}),
        (ServiceNotFoundError, "10.0.0.9:80", {"endpoints": "10.0.0.9:80", "health": "healthy"}),
        (ServiceNotFoundError, "wbe", {"service": "wbe", "health": "healthy"}),
        (ArgumentError, "number 5", {"endpoints": 5, "health": "healthy"}),
        (ArgumentError, "number -1", {"endpoints": np.array([-1]), "health": "healthy"}),
    ],
)
def test_a_bad_change_of_state_is_refused(error, named, change):
    services = two_services()
    before = services_digest(services)
    with pytest.raises(error, match=named):
        services.with_state(**change)
    assert services_digest(services) == before


def test_services_are_added_replaced_and_taken_away():
    services = two_services()
    more = services.with_services([Service("cache"), Service("web", services["web"].endpoints[:1])])
    assert list(more) == ["web", "db", "cache"]
    assert more.endpoint_count == 3
    assert more.blocks[1] is services.blocks[1]
    assert list(more.without_services("db")) == ["web", "cache"]
    with pytest.raises(ServiceNotFoundError, match="'db'"):
        more.without_services("dbx")


@pytest.mark.parametrize(
    ("named", "facts"),
    [
        ("address", {"address": ""}),
        ("address", {"address": "a b"}),
        ("address", {"address": "a\nb"}),
        ("port", {"address": "a", "port": 65_536}),
        ("port", {"address": "a", "port": True}),
        ("weight", {"address": "a", "weight": float("nan")}),
        ("weight", {"address": "a", "weight": -1}),
        ("weight", {"address": "a", "weight": "2"}),
        ("priority", {"address": "a", "priority": 256}),
        ("hash_key", {"address": "a", "hash_key": ""}),
        ("zone", {"address": "a", "zone": None}),
        ("metadata", {"address": "a", "metadata": {"x": 1}}),
        ("metadata", {"address": "a", "metadata": ["x"]}),
        ("health", {"address": "a", "health": "sick"}),
        ("admin", {"address": "a", "admin": "down"}),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(named, facts):
    with pytest.raises(ArgumentError, match=f"^{named}"):
        Endpoint(**facts)


def test_a_service_that_cannot_be_is_refused():
    a = Endpoint(address="a")
    with pytest.raises(ArgumentError, match="'a:0' stands twice"):
        Service("web", [a, Endpoint(address="a")])
    with pytest.raises(ArgumentError, match="endpoints"):
        Service("web", "a:80")
    with pytest.raises(ArgumentError, match="overprovision"):
        Service("web", [a], overprovision=0.5)
    with pytest.raises(ArgumentError, match="panic_threshold"):
        Service("web", [a], panic_threshold=float("nan"))
    with pytest.raises(UnknownPolicyError, match="Did you mean 'maglev'"):
        Service("web", [a], policy="magelv")
    with pytest.raises(CapacityError, match="65,536"):
        Service("web", [Endpoint(address="a", port=i % 60_000, hash_key=str(i)) for i in range(65_536)])
    with pytest.raises(ArgumentError, match="'web' stands twice"):
        Services.of([Service("web"), Service("web")])


def test_services_are_read_from_a_table():
    frame = pd.DataFrame({
        "service": ["web", "db", "web"],
        "address": ["10.0.0.1", "db", "10.0.0.2"],
        "port": [80, 5432, None],
        "weight": [2.0, None, 1.0],
        "stage": ["canary", None, "stable"],
        "rack": [7, 8, 9],
    })
    services = read_services(frame, policy={"db": "maglev"}, panic_threshold=0.2)
    assert list(services) == ["web", "db"]
    first, second = services["web"].endpoints
    assert first == Endpoint(address="10.0.0.1", port=80, weight=2, metadata={"rack": "7", "stage": "canary"})
    assert second == Endpoint(address="10.0.0.2", metadata={"rack": "9", "stage": "stable"})
    assert services["db"].endpoints[0] == Endpoint(address="db", port=5432, metadata={"rack": "8"})
    assert services["db"].panic_threshold == 0.2


def test_a_row_that_is_no_endpoint_is_named():
    with pytest.raises(ArgumentError, match="row 1: port"):
        read_services({"service": ["a", "a"], "address": ["x", "y"], "port": [1, 70_000]})
    with pytest.raises(ArgumentError, match="no column 'address'"):
        read_services({"service": ["a"]})


def test_a_split_must_add_up():
    assert Split("s", {"a": 95, "b": 5}).parts == {"a": 0.95, "b": 0.05}
    with pytest.raises(ArgumentError, match="add up to 0.9"):
        Split("s", {"a": 0.5, "b": 0.4})
    with pytest.raises(ArgumentError, match="nan"):
        Split("s", {"a": float("nan")})
    with pytest.raises(ArgumentError, match="parts"):
        Split("s", {})


def test_targets_survive_storing():
    targets = ("web", EndpointTarget("db", "primary"), Split("roll", {"web": 0.9, EndpointTarget("db", "primary"): 0.1}))
    assert targets_from_text(targets_text(targets)) == targets
    for bad in ("[3]", "{", '[["a"]]', '[{"name": "x"}]'):
        with pytest.raises(SnapshotFormatError):
            targets_from_text(bad)


@pytest.mark.parametrize("name", ["services", "endpoints", "state", "texts", "offsets"])
def test_a_stored_array_that_is_missing_or_cut_is_refused(name):
    columns = services_to_columns(two_services())
    with pytest.raises(SnapshotFormatError):
        services_from_columns({key: values for key, values in columns.items() if key != name})
    with pytest.raises(SnapshotFormatError):
        services_from_columns(columns | {name: columns[name][:-1]})


@pytest.mark.parametrize(
    ("array", "field", "value"),
    [
        ("services", "name", 999),
        ("services", "first", 1),
        ("services", "count", -1),
        ("services", "overprovision", float("nan")),
        ("endpoints", "identity", 4_000_000_000),
        ("endpoints", "weight", float("nan")),
        ("state", "health", 4),
        ("endpoints", "weight", 1e300),
        ("state", "weight", float("inf")),
        ("state", "weight", 50.0),
    ],
)
def test_a_stored_value_that_makes_no_sense_is_refused(array, field, value):
    columns = services_to_columns(two_services())
    damaged = columns[array].copy()
    damaged[field][0] = value
    with pytest.raises(SnapshotFormatError):
        services_from_columns(columns | {array: damaged})


def test_records_have_the_sizes_that_files_have():
    sizes = [getattr(records, name).itemsize for name in ("SERVICE", "ENDPOINT", "ENDPOINT_STATE")]
    assert sizes == [48, 56, 16]


def test_a_stored_policy_without_a_name_is_refused():
    columns = services_to_columns(two_services())
    texts = columns["texts"].tobytes().replace(b'"name"', b'"nAme"')
    with pytest.raises(SnapshotFormatError, match="cannot be read"):
        services_from_columns(columns | {"texts": np.frombuffer(texts, np.uint8)})


@pytest.mark.parametrize("number", [-1, 5])
def test_there_is_no_endpoint_beyond_the_last(number):
    with pytest.raises(ServiceNotFoundError, match=f"no endpoint {number}"):
        two_services().endpoint(number)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"stage":"canary"}', b'["stage","canary"]'),
        (b'{"stage":"canary"}', b'{"stage":1234567 }'),
        (b"10.0.0.1:80", b"10.0.0.1:81"),
        (b"primary", b"prim\nry"),
        (b"db2", b"d 2"),
    ],
)
def test_a_stored_text_that_no_endpoint_can_have_is_refused(old, new):
    columns = services_to_columns(two_services())
    texts = columns["texts"].tobytes()
    assert old in texts
    assert len(old) == len(new)
    with pytest.raises(SnapshotFormatError):
        services_from_columns(columns | {"texts": np.frombuffer(texts.replace(old, new, 1), np.uint8)})


def test_states_are_taken_from_numpy_scalars_and_only_of_services_there_are():
    services = two_services()
    changed = services.with_state(np.int64(1), weight=np.float32(0.5), health=np.str_("degraded"))
    assert (changed.state["weight"][1], changed.state["health"][1]) == (0.5, records.HEALTH.index("degraded"))
    with pytest.raises(ServiceNotFoundError, match="nope"):
        services.with_state(0, service="nope", health="healthy")


def test_nobody_can_write_to_what_versions_share():
    services = two_services().with_state(0, health="unhealthy")
    for array in (services.firsts, services.state, services.blocks[0].state, services.blocks[0].endpoints):
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_what_does_not_depend_on_the_state_is_shared():
    services = two_services()
    services_digest(services)
    before = services.blocks[0]
    for name in ("identities", "positions", "metadata"):
        getattr(before, name)
    after = services.with_state(0, health="unhealthy").blocks[0]
    assert after.identities is before.identities
    assert after.positions is before.positions
    assert after.metadata is before.metadata

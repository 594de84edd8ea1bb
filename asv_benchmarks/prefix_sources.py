"""Real prefixes out of packages that anyone can install; what is taken from a package is kept in the cache of `data`.

    networks4, networks6   the networks of countries and of autonomous systems, from geoip2fast (MaxMind's GeoLite2)
    phone_prefixes         geocoder, carriers and time zones of phonenumbers (Google's libphonenumber)
    phone_zones            its time zones alone, with the zones of each prefix
    mac_prefixes           manuf (Wireshark's list of vendors)
    public_suffixes        publicsuffix2, the plain rules of the list
    route_templates        REST routes of botocore and, where it is installed, google-api-python-client
    names, name_paths      the surnames of names-dataset, and paths of two of them
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import pickle
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import data
from .data import Keys, cached_array, cached_lines

LONGEST_NAME = 30
"""Bytes; one surname in a thousand is longer, and would widen every fixed-width array of a peer fivefold."""
SHARE_OF_PARENTS = 3
"""One path in so many is a single name; the others are names under those."""

Lengths = npt.NDArray[np.uint8]


def networks4(nested: bool = True) -> tuple[Keys, Lengths]:
    """IPv4 networks, sorted: uint32 and uint8.

    Those of countries and of autonomous systems, shape (859148,): most lie in others, a quarter are longer than /24. Without
    `nested` only those of systems, shape (508809,): none lies in another, and hardly one is longer.
    """
    parts = (0, 1) if nested else (1,)
    kept = cached_array("networks4" if nested else "networks4-systems", lambda: _unpack_networks4(parts))
    return (kept >> np.uint64(8)).astype(np.uint32), (kept & np.uint64(255)).astype(np.uint8)


def networks6() -> tuple[Keys, Lengths]:
    """The IPv6 networks of autonomous systems: uint64 of shape (134828, 2), high and low words, and uint8; sorted."""
    kept = cached_array("networks6", _unpack_networks6)
    return kept[:, :2].copy(), kept[:, 2].astype(np.uint8)


def phone_prefixes() -> list[str]:
    """The 0.3 million distinct prefixes of phonenumbers, 1 to 9 digits, sorted."""
    return cached_lines("phone-prefixes", _unpack_phone_prefixes)


def phone_zones() -> list[tuple[str, tuple[str, ...]]]:
    """The prefixes that phonenumbers has time zones for, sorted, and the zones of each."""
    lines = (line.split(" ") for line in cached_lines("phone-zones", _unpack_phone_zones))
    return [(prefix, tuple(zones)) for prefix, *zones in lines]


def mac_prefixes() -> tuple[Keys, Lengths]:
    """The prefixes of 24, 28 and 36 bits that vendors own: uint64 aligned to the left, and uint8; sorted."""
    kept = cached_array("mac-prefixes", _unpack_mac_prefixes)
    return kept[:, 0].copy(), kept[:, 1].astype(np.uint8)


def public_suffixes() -> list[str]:
    """The plain rules of the public suffix list in its own order, as names are sent (IDNA): no ``*``, no ``!``."""
    return cached_lines("public-suffixes", _unpack_public_suffixes)


def route_templates() -> list[str]:
    """``/host/path/{placeholder}/...`` of every operation, sorted."""
    google = "googleapiclient" if importlib.util.find_spec("googleapiclient") else "none"
    return cached_lines(f"routes-botocore-{google}", lambda: _unpack_routes(google != "none"))


def names() -> list[str]:
    """The surnames of at most 30 bytes that hold no slash, sorted by their bytes."""
    kept = (name for name in data.read_surnames() if "/" not in name and 0 < len(name.encode()) <= LONGEST_NAME)
    return sorted(kept, key=str.encode)


def name_paths(surnames: list[str], n: int, seed: int = 0) -> list[str]:
    """At most `n` distinct paths made of `surnames`, a third of them ``/A``, the others ``/A/B`` with such an A; sorted."""
    rng = np.random.default_rng([seed, 21])
    chosen = rng.permutation(len(surnames))[: n // SHARE_OF_PARENTS].tolist()
    paths = {f"/{surnames[i]}" for i in chosen}
    above = rng.integers(0, len(chosen), n - len(paths)).tolist()
    below = rng.integers(0, len(surnames), n - len(paths)).tolist()
    paths.update(f"/{surnames[chosen[i]]}/{surnames[j]}" for i, j in zip(above, below, strict=True))
    return sorted(paths, key=str.encode)


def package_folder(module: str, package: str) -> Path:
    """Where a package's files are; the package itself is not imported.

    Raises
    ------
    ModuleNotFoundError
        It is not installed; the message says how to.
    """
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"this real data needs the package {package} (pip install {package})")
    return Path(found.submodule_search_locations[0])


def _networks(part: int) -> Iterator[tuple[int, int]]:
    """Address and length; `part` 0 is the list of countries, 1 that of systems."""
    path = package_folder("geoip2fast", "geoip2fast") / "geoip2fast-asn-ipv6.dat.gz"
    with gzip.open(path) as file:
        lists = pickle.load(file)[3]
    return zip(chain.from_iterable(lists[4 + part]), chain.from_iterable(lists[8 + part]), strict=True)


def _unpack_networks4(parts: tuple[int, ...]) -> Keys:
    # Of both families in one list, an address that fits 32 bits is IPv4.
    networks = {network for part in parts for network in _networks(part) if network[0] < 2**32 and network[1] <= 32}
    return np.sort(np.array([start << 8 | length for start, length in networks], np.uint64))


def _unpack_networks6() -> Keys:
    networks = sorted({network for network in _networks(1) if network[0] >= 2**32})
    return np.array([(start >> 64, start & 2**64 - 1, length) for start, length in networks], np.uint64)


def _unpack_phone_prefixes() -> list[str]:
    package_folder("phonenumbers", "phonenumbers")
    from phonenumbers.carrierdata import CARRIER_DATA
    from phonenumbers.geodata import GEOCODE_DATA
    from phonenumbers.tzdata import TIMEZONE_DATA

    return sorted({*CARRIER_DATA, *GEOCODE_DATA, *TIMEZONE_DATA})


def _unpack_phone_zones() -> list[str]:
    package_folder("phonenumbers", "phonenumbers")
    from phonenumbers.tzdata import TIMEZONE_DATA

    return [" ".join([prefix, *zones]) for prefix, zones in sorted(TIMEZONE_DATA.items())]


def _unpack_mac_prefixes() -> Keys:
    prefixes = set()
    lines = (package_folder("manuf", "manuf") / "manuf").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if not line or line.startswith("#"):
            continue
        written, _, bits = line.split("\t")[0].partition("/")
        digits = written.replace(":", "").replace("-", "").replace(".", "")
        length = int(bits) if bits else 4 * len(digits)
        word = int(digits.ljust(16, "0"), 16)
        if length in (24, 28, 36):
            prefixes.add((word & (2**length - 1) << 64 - length, length))
    return np.array(sorted(prefixes), np.uint64)


def _unpack_public_suffixes() -> list[str]:
    path = package_folder("publicsuffix2", "publicsuffix2") / "public_suffix_list.dat"
    rules = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return list(dict.fromkeys(rule.encode("idna").decode() for rule in rules if rule and rule[0] not in "/*!"))


def _unpack_routes(google: bool) -> list[str]:
    templates = set(_aws_routes(package_folder("botocore", "botocore") / "data"))
    if google:
        templates.update(_google_routes(package_folder("googleapiclient", "google-api-python-client")))
    return sorted(templates)


def _aws_routes(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*/*/service-2.json*")):
        model = json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        host = f"{model['metadata']['endpointPrefix']}.amazonaws.com"
        for operation in model.get("operations", {}).values():
            yield f"/{host}{operation['http']['requestUri'].partition('?')[0]}"


def _google_routes(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("discovery_cache/documents/*.json")):
        document = json.loads(path.read_bytes())
        root = document.get("rootUrl", "").removeprefix("https://") + document.get("servicePath", "")
        for method in _google_methods(document):
            yield f"/{root}{method.get('flatPath', method['path'])}"


def _google_methods(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from resource.get("methods", {}).values()
    for below in resource.get("resources", {}).values():
        yield from _google_methods(below)

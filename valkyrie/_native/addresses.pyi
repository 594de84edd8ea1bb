from collections.abc import Sequence

from valkyrie.typing import UInt8Array, UInt32Array, UInt64Array

MALFORMED: int
MORE_DIGITS: int

def parse_addresses(
    address: UInt64Array, length: UInt64Array, family: UInt8Array, ipv4: UInt32Array, ipv6: UInt8Array | None
) -> tuple[int, int]: ...
def parse_address_objects(
    items: Sequence[object],
    start: int,
    nulls: UInt8Array,
    family: UInt8Array,
    ipv4: UInt32Array,
    ipv6: UInt8Array | None,
) -> tuple[int, int, int]: ...
def parse_networks(
    address: UInt64Array,
    length: UInt64Array,
    family: UInt8Array,
    ipv4: UInt32Array,
    ipv6: UInt8Array,
    bits: UInt8Array,
) -> tuple[int, int]: ...
def parse_digits(address: UInt64Array, length: UInt64Array, words: UInt64Array, counts: UInt8Array) -> int: ...
def digits_of_numbers(values: UInt64Array, words: UInt64Array, counts: UInt8Array) -> None: ...

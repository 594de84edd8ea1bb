"""Hashes of keys and of identities: the public format that picks are made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from valkyrie._native import picking
from valkyrie.arrays import KeyColumn
from valkyrie.arrays.texts import PIECE, scratch_bytes, text_piece
from valkyrie.errors import ArgumentError
from valkyrie.picks.policy import KeyHash
from valkyrie.typing import AnyArray, UInt8Array, UInt32Array, UInt64Array

__all__ = ["identity_hashes", "key_hashes", "text_digests"]

_WORD = np.iinfo(np.uint64)


def key_hashes(
    column: KeyColumn,
    seed: int | UInt64Array = 0,
    start: int = 0,
    stop: int | None = None,
    out: UInt64Array | None = None,
    *,
    kind: KeyHash = "xxh64",
) -> UInt64Array:
    """Hash the keys of rows `start` to `stop` of a column.

    XXH64 takes an integer as its 8 bytes in little-endian order (two's complement, so that -1 and 2**64 - 1 are one), a
    128-bit key as its 16 bytes, a text as UTF-8. An IP address is a 128-bit key; IPv4 stands at ``::ffff:a.b.c.d``.

    MD5, as ketama has it, takes an integer in decimal, a text as UTF-8, a 128-bit key as the text of its UUID, and of the digest
    the first four bytes, little-endian.

    Parameters
    ----------
    column : KeyColumn
    seed : int, or ndarray of uint64, shape (stop - start,)
        One for all rows, or one for each; MD5 has none.
    start, stop : int
        Rows; by default all.
    out : ndarray of uint64, shape (stop - start,), optional
        Where the hashes go. By default a new array.
    kind : {"xxh64", "md5"}

    Returns
    -------
    ndarray of uint64, shape (stop - start,)
        `out`, if given. The four bytes of MD5 are the high half of a hash, so that hashes of both kinds spread over all
        numbers. Of a null the hash is arbitrary.

    Raises
    ------
    KeyTypeError
        A value is no text; the position is in the message.
    ArgumentError
        A hash that there is not.

    Notes
    -----
    Safe from several threads, on columns that do not change meanwhile. Of a dictionary-encoded column each call hashes the whole
    dictionary: it is not for many small pieces.
    """
    if kind not in ("xxh64", "md5"):
        raise ArgumentError(f"kind: {kind!r} is no hash of keys", hint="Use 'xxh64' or 'md5'", argument="kind", value=kind)
    stop = column.n if stop is None else stop
    hashes = np.empty(stop - start, np.uint64) if out is None else out
    seeds = np.array([seed], np.uint64) if isinstance(seed, int) else seed
    if column.codes is None:
        _hash_values(column, seeds, start, stop, hashes, kind)
        return hashes
    codes = column.codes[start:stop]
    count = len(column.values) if column.offsets is None else len(column.offsets) - 1
    if len(seeds) == 1:
        distinct = np.zeros(count + 1, np.uint64)  # one more, for the code of nulls, which is -1
        _hash_values(column, seeds, 0, count, distinct[:count], kind)
        distinct.take(codes, out=hashes, mode="wrap")
        return hashes
    for each in np.unique(seeds):
        rows = seeds == each
        hashes[rows] = key_hashes(column, int(each), start, stop, kind=kind)[rows]
    return hashes


def _hash_values(column: KeyColumn, seeds: UInt64Array, start: int, stop: int, out: UInt64Array, kind: KeyHash) -> None:
    """Hashes of the values themselves, codes not applied."""
    values = column.values
    if column.form == "int":
        words = _words(values[start:stop])
        if kind == "md5":
            picking.md5_ids(words, values.dtype.kind == "i", out)
        else:
            picking.hash_ids(words, seeds, out)
    elif column.form == "b16":
        keys = np.ascontiguousarray(values[start:stop]).view(np.uint8)
        if kind == "md5":
            for at in range(0, stop - start, PIECE):
                address, length, _text = _fields(_uuid_texts(keys[16 * at : 16 * (at + PIECE)]))
                _md5_texts(address, length, out[at : at + PIECE])
        else:
            picking.hash_keys16(keys, seeds, out)
    else:
        scratch = np.empty(scratch_bytes(column, min(PIECE, stop - start)), np.uint8) if column.form == "ucs4" else None
        for at in range(start, stop, PIECE):
            end = min(stop, at + PIECE)
            texts = text_piece(column, at, end, scratch=scratch)
            part = slice(at - start, end - start)
            if kind == "md5":
                _md5_texts(texts.address, texts.length, out[part])
            else:
                picking.hash_texts(texts.address, texts.length, seeds if len(seeds) == 1 else seeds[part], out[part])


def _words(values: AnyArray) -> UInt64Array:
    """Integers of any width as 64-bit words."""
    wide = np.int64 if values.dtype.kind == "i" else np.uint64
    return np.ascontiguousarray(values, wide).view(np.uint64)


def _md5_texts(address: UInt64Array, length: UInt64Array, out: UInt64Array) -> None:
    digests = np.empty((len(out), 4), np.uint32)
    picking.md5_texts(address, length, digests)
    out[:] = digests[:, 0]
    out <<= np.uint64(32)


def _uuid_texts(keys: UInt8Array) -> UInt8Array:
    """The 36 characters of each UUID: ndarray of uint8, shape (n, 36)."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    nibbles = np.stack([keys >> 4, keys & 15], axis=-1).reshape(-1, 32)
    texts = np.full((len(nibbles), 36), ord("-"), np.uint8)
    places = np.delete(np.arange(36), [8, 13, 18, 23])
    texts[:, places] = digits[nibbles]
    return texts


def _fields(texts: UInt8Array) -> tuple[UInt64Array, UInt64Array, UInt8Array]:
    """Addresses and lengths of the rows of a matrix of bytes, which must stay alive."""
    n, width = texts.shape
    address = np.arange(n, dtype=np.uint64) * np.uint64(width) + np.uint64(texts.ctypes.data)
    return address, np.full(n, width, np.uint64), texts


def _listed(texts: Sequence[bytes]) -> tuple[UInt64Array, UInt64Array, UInt8Array]:
    """Addresses and lengths of texts, and what must stay alive."""
    data = np.frombuffer(b"".join(texts) or b"\0", np.uint8)
    length = np.array([len(text) for text in texts], np.uint64)
    address = np.cumsum(length, dtype=np.uint64) - length + np.uint64(data.ctypes.data)
    return address, length, data


def identity_hashes(identities: Sequence[bytes], seed: int) -> UInt64Array:
    """XXH64 of identities: ndarray of uint64, shape (n,)."""
    address, length, _data = _listed(identities)
    out = np.empty(len(length), np.uint64)
    picking.hash_texts(address, length, np.array([seed & _WORD.max], np.uint64), out)
    return out


def text_digests(texts: Sequence[bytes]) -> UInt32Array:
    """MD5 of texts, as four little-endian words each: ndarray of uint32, shape (n, 4)."""
    address, length, _data = _listed(texts)
    digests = np.empty((len(length), 4), np.uint32)
    picking.md5_texts(address, length, digests)
    return digests

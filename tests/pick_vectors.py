"""Frozen picks: what is hashed, how, and who answers. They are a format, like that of a file: a change moves the keys of everyone
who upgrades.
"""

from __future__ import annotations

import uuid
from typing import Any

__all__ = ["GROUPS", "IDENTITIES", "KETAMA", "KEYS", "PICKS", "TOP_3", "WEIGHTS", "XXH64"]

IDENTITIES = [
    b"10.0.0.1:8080",
    b"10.0.0.2:8080",
    b"10.0.0.10:8080",
    b"[2001:db8::1]:443",
    b"shard-a",
    b"api.example.com:443",
    b"10.0.0.3:9090",
]

WEIGHTS = [1.0, 2.0, 0.5, 4.0, 1.0, 3.25, 1.5]

KEYS: list[Any] = [
    0,
    1,
    -1,
    42,
    2**63 - 1,
    10**18 + 9,
    "",
    "a",
    "user:1",
    "straße",
    "0123456789abcdef0123456789abcdef!",
    "x" * 100,
    uuid.UUID(int=0),
    uuid.UUID(bytes=bytes(range(16))),
    *(i * 2654435761 + 7 for i in range(26)),
]

XXH64 = {
    0: [
        0x34C96ACDCADB1BBB, 0x9F29CB17A2A49995, 0x85D136ADB773C6C9, 0xB556806FB6D14353, 0xFF70CC60366E770C, 0x5190C086619AD9C5,
        0xEF46DB3751D8E999, 0xD24EC4F1A98C6E5B, 0xD9C7C4609E6080F3, 0x5A34B57B727837BE, 0x8AFFF4DAAC4E677E, 0x92F0DE5A88A3C094,
        0xAF09F71516247C32, 0x44B6EF2FB84169F7, 0x0876CD406AFDE455, 0xB57B65D3FBC62768, 0x3FB061CE3543D7F3, 0x0AC48B6BD1EE9043,
        0x117C3ECAC02E740E, 0xC46EB1473D8DED91, 0x79AD5D448BB81625, 0xF585309C59D9E8A1, 0x00F97BAEA666247C, 0x8E571FCA7F0DFA5B,
        0xBF05DC647EED4220, 0x37DB67D31B1C7BD8, 0xC04B5A5603913CCD, 0xB29AD91B17B790C2, 0x84DB86BCC9556A75, 0x0B2F00FA911F3C5D,
        0x869B281AF7BEAD4D, 0xF8411659CCAF3D33, 0x2292E4D0DE829107, 0xF979EE119DB2B936, 0x414DE301A31AB146, 0x76B75A7BF847BF43,
        0x9E96CDAD8B86258A, 0x5F8B6DA22AD11B45, 0x18A2381EC71ADB65, 0x2567A7207CE6C65E,
    ],
    7: [
        0x8562A8CA30D1D8C7, 0x44CD4E74E2B14E48, 0x78653E7F1B122749, 0x1889DE22BDD8972C, 0x09105364F867692B, 0x3A8C711B206D87E4,
        0x95F0626F6F0A4409, 0xDC6349D489E0F965, 0xB8FEAC9F46734988, 0xE0D28F1E4F5AE7BF, 0xC1EFD54A62EF942F, 0xAE5AD321E4FE6127,
        0xD077552ADEDC047D, 0x506DF9181E2573E0, 0x6272CC3B3BDD7623, 0x7939296B5EB3519A, 0xBA2C1680FD442366, 0x4A9DB21B11DA5E3F,
        0x7100A3AC566DB2C8, 0xB5D6CC5FA5E60EC5, 0x5EAB7A075C247278, 0x366CFBF02243BA8F, 0x298568B757BC581B, 0x633E47735E7F00A1,
        0x920CD3EDAFF257C7, 0x27A1D9458F48112C, 0x8549EE01CBED6ADE, 0x727CB82A9A45E78C, 0xDC85348890C29887, 0x27A478C2354F7B00,
        0xF2236994BC4DEA7E, 0xA34CC3FDAFDBEE66, 0x8BF4F1128A82F167, 0x9176C1D5FDDC7D25, 0x41A2441DD5EB5980, 0xD132EF0C9BEE6E39,
        0x75D7258BFAA42F32, 0x81E3BBC88C2E5110, 0xDDC5B780B4549F57, 0x4010EDCA396877EB,
    ],
}  # fmt: skip
"""Hashes of the keys, by seed."""

KETAMA = [
    0x8420CDCF, 0x3842CAC4, 0x3B1EB66B, 0xE8C6D0A1, 0x257B7615, 0x37EDF814, 0xD98C1DD4, 0xB975C10C, 0x10DDB1BD, 0xAB0DC4DD,
    0xE8189D60, 0xEC63D5AE, 0x4AC8899F, 0x2FF1031A, 0x5FE4148F, 0x93D27399, 0xEEA0AAC4, 0x8B4103B9, 0x2C18E95A, 0x6892EBD5,
    0x8471AB31, 0x11F955DC, 0x3F2E82C4, 0x8B2D6DC1, 0xFD7D6C5B, 0x8A861E63, 0x8D06EFA6, 0x7F15BA11, 0x799437A9, 0x2ECF8DB2,
    0x0128C6D3, 0x5D2B202D, 0x0CA443BA, 0x6D75BD05, 0x5F2282AD, 0x69FE6B5A, 0x6A6ED89E, 0xD9F9C2FF, 0x8151F86F, 0xA92B0C7E,
]  # fmt: skip
"""The first four bytes of MD5, little-endian."""

PICKS = {
    "maglev": [
        0, 6, 6, 6, 5, 2, 6, 4, 6, 5, 3, 5, 5, 3, 2, 2, 1, 1, 4, 4, 0, 4, 5, 6, 3, 3, 0, 5, 4, 1,
        6, 5, 0, 0, 2, 1, 3, 3, 4, 6,
    ],
    "maglev, weighted, seed 7": [
        5, 5, 5, 5, 1, 3, 5, 6, 3, 5, 3, 3, 6, 0, 5, 0, 3, 3, 6, 5, 5, 5, 6, 5, 3, 2, 5, 1, 1, 2,
        5, 3, 0, 4, 2, 3, 5, 0, 6, 5,
    ],
    "ketama": [
        0, 1, 5, 4, 0, 0, 2, 6, 6, 4, 0, 5, 3, 4, 0, 1, 6, 0, 1, 1, 6, 5, 0, 0, 5, 1, 3, 0, 6, 4,
        6, 1, 2, 4, 0, 0, 5, 6, 4, 5,
    ],
    "ketama, weighted": [
        1, 5, 5, 4, 1, 0, 3, 6, 6, 4, 5, 5, 3, 3, 3, 1, 4, 0, 5, 1, 1, 5, 0, 0, 5, 3, 3, 0, 6, 1,
        5, 1, 3, 5, 3, 0, 5, 6, 5, 5,
    ],
    "ring, xxh64, weighted, seed 7": [
        1, 5, 3, 3, 5, 4, 1, 3, 3, 3, 3, 1, 3, 6, 0, 1, 6, 1, 6, 1, 5, 5, 3, 5, 3, 1, 1, 3, 3, 1,
        1, 3, 5, 3, 3, 6, 2, 0, 3, 5,
    ],
    "rendezvous": [
        1, 3, 0, 2, 4, 3, 1, 3, 4, 5, 1, 4, 6, 6, 5, 0, 6, 0, 5, 2, 1, 0, 2, 4, 1, 0, 3, 4, 5, 1,
        0, 2, 0, 2, 0, 2, 1, 0, 5, 4,
    ],
    "rendezvous, weighted, seed 7": [
        3, 1, 2, 0, 1, 3, 4, 5, 3, 5, 3, 6, 3, 3, 3, 5, 3, 3, 1, 4, 3, 3, 3, 3, 4, 6, 5, 5, 4, 3,
        5, 5, 6, 4, 1, 6, 5, 3, 3, 4,
    ],
    "jump": [
        4, 1, 1, 4, 1, 1, 5, 6, 2, 6, 6, 5, 6, 6, 5, 5, 1, 1, 1, 0, 0, 3, 0, 2, 5, 2, 3, 0, 6, 3,
        2, 3, 6, 2, 4, 5, 4, 3, 0, 6,
    ],
    "jump, 1 and 4 out, seed 7": [
        5, 2, 2, 2, 2, 3, 5, 6, 0, 2, 5, 0, 3, 5, 0, 2, 5, 6, 2, 3, 6, 6, 6, 3, 3, 2, 2, 5, 2, 2,
        6, 3, 0, 6, 5, 6, 2, 6, 0, 6,
    ],
    "sticky, weighted": [
        3, 3, 3, 3, 1, 4, 2, 0, 3, 5, 5, 3, 4, 1, 3, 3, 3, 3, 1, 5, 5, 5, 1, 3, 1, 3, 5, 1, 3, 3,
        3, 1, 5, 1, 1, 5, 3, 3, 0, 5,
    ],
}  # fmt: skip
"""Positions of the identities, as they stand above, by policy."""

TOP_3 = [
    [1, 5, 0],
    [3, 4, 5],
    [0, 3, 1],
    [3, 1, 5],
    [4, 1, 5],
    [3, 5, 1],
    [5, 1, 3],
    [3, 2, 5],
    [5, 1, 4],
    [5, 3, 1],
]
"""The first three members by weight, of the first ten keys."""

GROUPS = [1, 2, 0, 1, 1, 2, 0, 1, 1, 1, 1, 2]
"""Which of the groups up to 2**62, 2**63 and beyond, with the seed 12, the first twelve XXH64 hashes of seed 0 go to."""

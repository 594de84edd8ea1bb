"""Look at the vector compares of every kernel, compiled for other processors: ``python -m tests.long.kernel_assembly``.

The processors only name what is compiled for; nothing of it is run. Prints the compares of each and the registers they use, and
ends with an error where they are not as wide as the processor's registers.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter

from tests.kernel_assembly import code_for

PROCESSORS = {
    "x86-64": ("", "pcmp", "%xmm"),
    "x86-64-v2": ("+sse4.2", "pcmp", "%xmm"),
    "x86-64-v3": ("+avx2", "vpcmp", "%ymm"),
    "znver4": ("+avx512f,+avx512bw,+avx512vl,+avx512dq", "vpcmp", "%zmm"),
}
"""The features that numba is to compile for, and what each compare begins with and has for a register."""


def main() -> None:
    """Compile for one after the other."""
    narrow = 0
    for cpu, (features, instruction, register) in PROCESSORS.items():
        with tempfile.TemporaryDirectory() as cache:
            compares = code_for(cpu, features, cache)
        for kernel, texts in compares.items():
            wrong = [text for text in texts if not (text.startswith(instruction) and register in text)]
            names = Counter(text.split("\t")[0] for text in texts)
            print(f"{cpu:<10} {kernel:<17} {register[1:]} {dict(names)}", flush=True)
            if wrong or not texts:
                narrow += 1
                print(f"{'':<10} not in {register}: {wrong[:3]}")
    print(f"{narrow} kernels with compares that are not as wide as they might be")
    sys.exit(bool(narrow))


if __name__ == "__main__":
    main()

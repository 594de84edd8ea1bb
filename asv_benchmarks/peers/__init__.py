"""Valkyrie beside other libraries: ``python -m asv_benchmarks.peers --quick``.

Every answer is checked before anything is timed. Contenders are timed interleaved in one process, on one core and one
thread, through their public calls with fresh output; figures are medians of the rounds. A library that is not installed
is reported and left out.
"""

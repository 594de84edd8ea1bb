"""Benchmarks: asv suites in ``benchmarks``, and ``python -m asv_benchmarks.peers`` against other libraries."""

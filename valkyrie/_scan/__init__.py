"""Kernels said again in numpy: what tests compare the compiled ones with, and what reads their arrays without them."""

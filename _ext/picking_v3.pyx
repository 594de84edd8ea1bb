# The same kernels for x86-64-v3: setup.py gives this file its compiler flags.
include "picking.pyx"

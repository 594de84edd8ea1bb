# The same reader for x86-64-v4: setup.py gives this file its compiler flags.
include "prefix_table.pyx"

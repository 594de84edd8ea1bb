#!/usr/bin/env bash
# The suite on instrumented kernels: first ASan and UBSan, then a build with every check of Cython on.
#
#     tests/long/sanitize.sh [address|debug|all] [arguments of pytest]
#
# PYTHON names an interpreter in whose environment the extra "test", setuptools, Cython and numpy are installed. The build happens
# in a copy of the tree. Needs gcc, and about 2 GB of memory.
set -euo pipefail
kinds=${1:-all}
shift || true
case $kinds in address | debug) ;; all) kinds="address debug" ;; *) echo "address, debug or all, not $kinds" >&2; exit 2 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${PYTHON:-python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Left out is what runs no kernel (lint, the file format by itself), or only what the rest runs too, slowly, beside other libraries.
leave_out=()
for path in unit/test_source.py unit/test_benchmarks.py unit/test_readme.py notebooks faults hostile/test_vks_mutations.py; do
    leave_out+=("--ignore=tests/$path")
done
# Bytes that end where memory ends are objects off their boundary, which UBSan holds against the interpreter; here its allocator
# fences all bytes in any case.
leave_out+=("--deselect=tests/unit/test_prefix_reader.py::test_texts_beside_memory_that_nobody_may_read")
# Instrumented, everything takes five to twenty times as long.
sizes=(VALKYRIE_TEST_ROWS="${VALKYRIE_TEST_ROWS:-60000}" VALKYRIE_TEST_EXAMPLES="${VALKYRIE_TEST_EXAMPLES:-20}"
    VALKYRIE_TEST_MUTANTS="${VALKYRIE_TEST_MUTANTS:-300}")

run_suite() { # name of the build, then the environment of the tests
    local name=$1
    shift
    (cd "$work/$name" && env PYTHONPATH="$work/$name" "${sizes[@]}" "$@" "$python" -m pytest -p no:xdist --timeout=3600 "${leave_out[@]}" "${arguments[@]}")
}
arguments=("$@")

for kind in $kinds; do
    mkdir "$work/$kind" "$work/$kind-reports"
    tar -cf - --exclude=./.git --exclude=./.venv --exclude=./.asv --exclude=./build --exclude=./dist --exclude='*.egg-info' \
        --exclude=__pycache__ --exclude='*.so' . | tar -xf - -C "$work/$kind"
    switch=$([ "$kind" = debug ] && echo VALKYRIE_DEBUG=1 || echo VALKYRIE_SANITIZE=address)
    echo "== $kind: building with $switch"
    (cd "$work/$kind" && env "$switch" "$python" setup.py -q build_ext --inplace > "$work/$kind-build.log" 2>&1) \
        || { tail -n 40 "$work/$kind-build.log"; exit 1; }
    echo "== $kind: testing"
    failed=0
    if [ "$kind" = debug ]; then
        run_suite debug || failed=1
    else
        # The interpreter is not instrumented: the runtimes must be loaded first, and its own leaks at exit are not of interest.
        # Reports go to files, since pytest keeps what is printed. Arrow's and Python's own allocators would hide overruns.
        run_suite address \
            LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
            PYTHONMALLOC=malloc ARROW_DEFAULT_MEMORY_POOL=system \
            ASAN_OPTIONS="detect_leaks=0:exitcode=99:allocator_may_return_null=1:log_path=$work/$kind-reports/asan" \
            UBSAN_OPTIONS="print_stacktrace=1:log_path=$work/$kind-reports/ubsan" || failed=1
    fi
    if [ -n "$(ls -A "$work/$kind-reports")" ]; then
        head -n 60 "$work/$kind-reports"/*
        failed=1
    fi
    [ $failed = 0 ] || { echo "== $kind: NOT clean"; exit 1; }
    echo "== $kind: clean"
done

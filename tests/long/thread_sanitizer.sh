#!/usr/bin/env bash
# The tests of threads on kernels instrumented by ThreadSanitizer, without the GIL.
#
#     tests/long/thread_sanitizer.sh DIR [arguments of pytest]
#
# DIR is what free_threaded.sh was given and has filled. Interpreter and numpy are not instrumented, so what they order is not seen:
# that one thread makes an object and another reads it afterwards is reported as a race between the two. Such reports, in which one
# side is the making of an object, and those whose stacks touch none of our extension modules, are counted and not held against us.
set -euo pipefail
keep=$(cd "${1:?the directory that free_threaded.sh filled}" && pwd)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/checkout" "$work/reports"
tar -cf - --exclude=./.git --exclude=./.venv --exclude=./.asv --exclude=./build --exclude=./dist --exclude='*.egg-info' \
    --exclude=__pycache__ --exclude='*.so' . | tar -xf - -C "$work/checkout"
cd "$work/checkout"
VALKYRIE_SANITIZE=thread "$keep/venv/bin/python" setup.py -q build_ext --inplace > "$work/build.log" 2>&1 \
    || { tail -n 40 "$work/build.log"; exit 1; }
[ $# -gt 0 ] || set -- tests/threads tests/unit/test_parallel.py tests/unit/test_snapshot_manager.py
status=0
LD_PRELOAD=$(gcc -print-file-name=libtsan.so) TSAN_OPTIONS="exitcode=0 log_path=$work/reports/tsan history_size=7" \
    VALKYRIE_TEST_WITHOUT=polars VALKYRIE_TEST_READS="${VALKYRIE_TEST_READS:-30000}" VALKYRIE_JIT=0 \
    setarch -R "$keep/venv/bin/python" -m pytest -q -p no:cacheprovider -p no:xdist -o timeout=3600 "$@" || status=$?
cat "$work"/reports/* > "$work/all" 2> /dev/null || true
all=$(grep -c 'WARNING: ThreadSanitizer' "$work/all" || true)
# A report runs to its SUMMARY line; ours has a frame in one of our modules.
awk -v ours="$work/ours" -v made="$work/made" '
    /WARNING: ThreadSanitizer/ {text = ""}
    {text = text $0 "\n"}
    /^SUMMARY/ && text ~ /_native\/|_ext\/|cython\// {print text > (text ~ /__cinit__|_tp_new_|_PyType_Alloc|_tp_dealloc_/ ? made : ours)}' "$work/all"
touch "$work/ours" "$work/made"
made=$(grep -c 'WARNING: ThreadSanitizer' "$work/made" || true)
ours=$(grep -c 'WARNING: ThreadSanitizer' "$work/ours" || true)
head -n 80 "$work/ours"
echo "== ThreadSanitizer: $all reports, $made about objects being made, $ours others with a frame of ours; pytest ended with $status"
[ "$ours" -eq 0 ] && [ "$status" -eq 0 ]

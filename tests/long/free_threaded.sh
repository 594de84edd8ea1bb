#!/usr/bin/env bash
# The suite without the GIL: builds free-threaded CPython 3.13 from Debian's source package, and Valkyrie for it, and runs the tests.
#
#     tests/long/free_threaded.sh [DIR] [arguments of pytest]
#
# DIR keeps interpreter and environment from one run to the next; by default a temporary folder. Needs a Debian or Ubuntu with apt,
# gcc and the headers that CPython is built with (libssl-dev, zlib1g-dev, libffi-dev, liblzma-dev, libbz2-dev); three minutes and
# 600 MB the first time. numba and polars have no wheel there: the numpy twins of the kernels serve, and the modules of tests that
# are about the two, or import them, are left out, as are those that run no code of ours in this interpreter.
set -euo pipefail
keep=${1:-}
[ $# -eq 0 ] || shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
checkout=$PWD
if [ -n "$keep" ]; then mkdir -p "$keep"; work=$(cd "$keep" && pwd); else work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; fi
python=$work/python/bin/python3.13t

if [ ! -x "$python" ]; then
    mkdir -p "$work/source/state/lists/partial" "$work/source/state/dpkg"
    cd "$work/source"
    touch state/dpkg/status
    # The mirror that is configured, but the suite that has 3.13.
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null | grep -v '^#' | grep -oE 'https?://[^ ]+' \
        | grep -v security | head -n 1) || true
    echo "deb-src [trusted=yes] $mirror trixie main" > sources.list
    apt=(-o "Dir::Etc::sourcelist=$PWD/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$PWD/state/lists"
        -o "Dir::State::status=$PWD/state/dpkg/status")
    apt-get "${apt[@]}" -qq update
    apt-get "${apt[@]}" -qq source --download-only python3.13
    mkdir tree
    tar -xf python3.13_*.orig.tar.xz -C tree --strip-components=1
    cd tree
    ./configure -q --disable-gil --disable-test-modules --without-static-libpython --with-ensurepip=install \
        --prefix="$work/python" > ../configure.log
    nice make -s -j2 > ../make.log 2>&1
    make -s install > ../install.log 2>&1
    cd "$work" && rm -rf source
fi
"$python" -c 'import sys; assert not sys._is_gil_enabled()'

if [ ! -x "$work/venv/bin/python" ]; then
    "$python" -m venv "$work/venv"
    # Wheels only: a source distribution of numpy would compile for ten minutes, and fail.
    "$work/venv/bin/pip" install -q --only-binary=:all: numpy xxhash Cython setuptools hypothesis pytest pytest-timeout pytest-xdist \
        pandas pyarrow typing_extensions typer rich
fi

rm -rf "$work/checkout"
mkdir "$work/checkout"
cd "$checkout"
tar -cf - --exclude=./.git --exclude=./.venv --exclude=./.asv --exclude=./build --exclude=./dist --exclude='*.egg-info' \
    --exclude=__pycache__ --exclude='*.so' . | tar -xf - -C "$work/checkout"
cd "$work/checkout"
"$work/venv/bin/python" setup.py -q build_ext --inplace > "$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
unset PYTHON_GIL
"$work/venv/bin/python" - <<'END'
import sys
import valkyrie, valkyrie._native, xxhash
assert not sys._is_gil_enabled(), "an extension module brought the GIL back"
END
leave_out=()
for name in bit_prefixes broken_numba columns display id_table_arguments id_table_check prefix_keys prefix_table route_table \
    text_prefixes benchmarks prefix_benchmarks readme source; do
    leave_out+=("--ignore=tests/unit/test_$name.py")
done
export VALKYRIE_TEST_WITHOUT=polars
for name in route_properties text_prefix_agreement; do
    leave_out+=("--ignore=tests/properties/test_$name.py")
done
[ $# -gt 0 ] || set -- tests/unit tests/properties tests/machines tests/threads "${leave_out[@]}"
exec "$work/venv/bin/python" -X faulthandler -m pytest -q -p no:cacheprovider "$@"

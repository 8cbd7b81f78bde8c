#!/usr/bin/env bash
# Everything that must pass, from a fresh Debian 12 machine on: installs packages, builds twice (release; ASan + UBSan
# with assertions), runs the unit, scenario, MPI and kill tests, then the short benchmarks, which assert ratios.
# The last line gives the count of tests. Usage: tools/test.sh
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS

tools/setup.sh
tools/build.sh release
tools/build.sh sanitized

# Half of the scenarios' time is waiting for one another's packets and time-outs.
side_by_side=(--num-processes $(($(nproc) + 1)))
echo "test: release build"
meson test -C build --no-rebuild --print-errorlogs --logbase testlog-main --no-suite bench "${side_by_side[@]}"
echo "test: ASan and UBSan build, assertions on (units and scenarios; Open MPI does not load a sanitized provider)"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
meson test -C build-asan --no-rebuild --print-errorlogs --logbase testlog-main \
    --timeout-multiplier 4 --suite unit --suite scenario "${side_by_side[@]}"
unset ASAN_OPTIONS UBSAN_OPTIONS
echo "test: short benchmarks (ratios)"
meson test -C build --no-rebuild --print-errorlogs --logbase testlog-bench --suite bench

minutes=$(((SECONDS - started + 30) / 60))
python3 tools/count_tests.py build build-asan --minutes "$minutes"

#!/usr/bin/env bash
# Everything that must pass, from a fresh Debian 12 machine on: installs packages, builds (release; ASan + UBSan with
# assertions; ThreadSanitizer for what has threads), runs the unit, scenario, MPI and kill tests, then the short
# benchmarks, which assert ratios.
# The last line gives the count of tests. Usage: tools/test.sh
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS

# What a phase is and, afterwards, how long it took: where CI's time goes.
phase() {
    local name=$1 from=$SECONDS
    shift
    echo "test: $name"
    "$@"
    echo "test: $((SECONDS - from)) s: $name"
}

# Half of the scenarios' time is waiting for one another's packets and time-outs.
run_tests() {
    local directory=$1 log=$2
    shift 2
    meson test -C "$directory" --no-rebuild --print-errorlogs --logbase "$log" "$@"
}
side_by_side=(--num-processes $(($(nproc) + 1)))

tools/setup.sh
phase "release build" tools/build.sh release

# A build beside tests has what they leave of the machine, which is most of it: they wait. Each test is a session, and
# the kernel's autogroups share the cores between sessions whatever their processes' niceness: the build's is told, too.
builder=
begin_build() {
    setsid bash -c 'echo 19 >/proc/self/autogroup; exec nice -n 19 tools/build.sh "$1"' _ "$1" >"build/build-$1.log" 2>&1 &
    builder=$! building=$1
}
finish_build() { wait "$builder" || { cat "build/build-$building.log" >&2; exit 1; }; builder=; }
trap '[ -z "$builder" ] || kill -- "-$builder" 2>/dev/null || true' EXIT

begin_build sanitized
phase "tests of the release build, during the sanitized build" \
    run_tests build testlog-main --no-suite bench "${side_by_side[@]}"
phase "rest of the sanitized build" finish_build
begin_build threads
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# Open MPI does not load a sanitized provider.
phase "units and scenarios with ASan, UBSan and assertions, during the build for ThreadSanitizer" \
    run_tests build-asan testlog-main --timeout-multiplier 4 --suite unit --suite scenario "${side_by_side[@]}"
unset ASAN_OPTIONS UBSAN_OPTIONS
phase "rest of the build for ThreadSanitizer" finish_build
phase "threads with ThreadSanitizer" run_tests build-tsan testlog-main --timeout-multiplier 4 --suite threads
phase "short benchmarks (ratios)" run_tests build testlog-bench --suite bench

minutes=$(((SECONDS - started + 30) / 60))
python3 tools/count_tests.py build build-asan build-tsan --minutes "$minutes"

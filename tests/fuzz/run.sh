#!/usr/bin/env bash
# Fuzzes with libFuzzer, AddressSanitizer and UBSan. Needs clang 19, which tools/setup.sh installs.
# Usage: tests/fuzz/run.sh [-s SECONDS] [-b BUILD-DIRECTORY] [NAME...]      no name: every target, one after the other
# What it learns goes into BUILD/fuzz-corpus/NAME; an input that fails is kept as BUILD/fuzz-NAME-crash-*.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=60
build=build-fuzz
while getopts s:b: option; do
    case $option in
        s) seconds=$OPTARG ;;
        b) build=$OPTARG ;;
        *) sed -n '2,4p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))

if [ ! -d "$build" ]; then
    CC=clang-19 CXX=clang++-19 CXX_LD=lld meson setup "$build" --buildtype=debug -Doptimization=1 -Dwerror=false \
        -Dunity=on -Dunity_size=8 -Db_sanitize=address,undefined -Db_lundef=false \
        -Dcpp_args="-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined" >/dev/null
fi
if [ $# -gt 0 ]; then
    names=("$@")
else
    mapfile -t names < <(basename -a tests/fuzz/corpus/*)
fi
ninja -C "$build" "${names[@]/#/tests/fuzz/fuzz_}"
for name in "${names[@]}"; do
    echo "fuzz: $name for $seconds s"
    mkdir -p "$build/fuzz-corpus/$name"
    # pipefail: a crash is the pipe's failure, and awk prints what matters and never fails
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=5 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="$build/fuzz-$name-" "$build/fuzz-corpus/$name" "tests/fuzz/corpus/$name" 2>&1 |
        awk '!/REDUCE|NEW_FUNC|NEW  |pulse/'
done

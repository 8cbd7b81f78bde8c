#!/usr/bin/env bash
# Configures (once) and builds. Usage: tools/build.sh release|sanitized|threads|debug
#   release    build/        what the demo, the benchmarks and most tests use
#   sanitized  build-asan/   ASan and UBSan, with assertions
#   threads    build-tsan/   ThreadSanitizer: the tests of what runs on several threads, nothing else
#   debug      build-debug/  assertions and symbols, file by file, for working on the code
set -euo pipefail
cd "$(dirname "$0")/.."
# clang needs half of gcc's time for instrumented code, and is a second opinion; gcc's warnings are the errors.
use_clang() {
    if command -v clang++-19 >/dev/null; then
        export CC=clang-19 CXX=clang++-19 CXX_LD=lld
        options+=(-Dwerror=false)
    fi
}
targets=()
# A unity build compiles eight files as one: a third of the time when everything is built.
whole=(-Dunity=on -Dunity_size=8 -Ddebug=false)
case "${1:-}" in
    release) directory=build options=(--buildtype=release -Doptimization=2 "${whole[@]}") ;;
    sanitized) directory=build-asan
        options=(--buildtype=debug -Db_sanitize=address,undefined -Db_lundef=false "${whole[@]}")
        use_clang ;;
    threads) directory=build-tsan targets=(threads)
        options=(--buildtype=debug -Doptimization=1 -Db_sanitize=thread -Db_lundef=false "${whole[@]}")
        use_clang ;;
    debug) directory=build-debug options=(--buildtype=debug) ;;
    *) sed -n '2,6s/^# //p' "$0" >&2; exit 2 ;;
esac
if [ ! -f "$directory/build.ninja" ]; then
    echo "build: configuring $directory"
    meson setup "$directory" "${options[@]}" >"$directory.log" 2>&1 || { cat "$directory.log" >&2; exit 1; }
    mv "$directory.log" "$directory/setup.log"
fi
echo "build: compiling $directory (a few minutes the first time)"
if [ -t 1 ]; then
    exec ninja -C "$directory" "${targets[@]}"
else
    exec ninja -C "$directory" --quiet "${targets[@]}"
fi

#!/usr/bin/env bash
# Configures (once) and builds. Usage: tools/build.sh DIRECTORY MESON_OPTION...
# Examples: tools/build.sh build --buildtype=release
#           tools/build.sh build-asan -Db_sanitize=address,undefined -Db_lundef=false
set -euo pipefail
cd "$(dirname "$0")/.."
directory=$1
shift
if [ ! -f "$directory/build.ninja" ]; then
    echo "build: configuring $directory $*"
    meson setup "$directory" "$@" >"$directory.log" 2>&1 || { cat "$directory.log" >&2; exit 1; }
    mv "$directory.log" "$directory/setup.log"
fi
echo "build: compiling $directory (a few minutes the first time)"
if [ -t 1 ]; then
    ninja -C "$directory"
else
    ninja -C "$directory" --quiet
fi

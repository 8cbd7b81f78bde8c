#!/usr/bin/env bash
# The main job in about a minute, from a fresh Debian 12 machine on: two emulated instances with EFA and a web server,
# real packets filtered and explained, a rule changed under an open connection, an unmodified MPI program over weft and
# over libfabric's tcp provider. Needs no root once the packages are there. Usage: tools/demo.sh
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
tools/build.sh release

scratch=$(mktemp -d)
export WEFT_RUNTIME_DIR=$scratch/run PATH=$PWD/build/tools/weft:$PATH
topology=$scratch/demo.yaml
cp examples/demo.yaml "$topology"
finish() {
    exec 9>&- || true
    weft down >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap finish EXIT

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
say() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
show() {
    printf '%s$ %s%s\n' "$bold" "${*//$scratch\//}" "$plain"
    "$@"
}
refused() { "$@" && { echo "demo: that should have been refused" >&2; exit 1; } || true; }

say "The plan, and the cluster: a daemon, three instances in namespaces of their own, one VPC"
show weft up "$topology"
show weft ps

say "A ping between two instances crosses TAP, spoof check, both security-group gates, and back"
show weft exec node-0 -- ping -c 3 -i 0.2 node-1

say "A TCP connection that a security group refuses"
weft exec web -- python3 tools/demo_tcp.py serve 8080 &
sleep 0.5
refused show weft exec node-0 -- python3 tools/demo_tcp.py try web 8080
refused show weft explain node-0 web tcp 8080
echo "The same answer for the packets that really were dropped:"
show weft flows --drops

say "The rule, added live: only the difference is applied"
sed -i '/port: 80,/a\      - {protocol: tcp, port: 8080, group: efa}' "$topology"
show weft up "$topology"
show weft exec node-0 -- python3 tools/demo_tcp.py try web 8080

say "An open connection survives the removal of its rule; a new one is refused"
mkfifo "$scratch/lines"
weft exec node-0 -- python3 tools/demo_tcp.py hold web 8080 "$scratch/lines" &
held=$!
exec 9>"$scratch/lines"
echo "before the rule is removed" >&9
sleep 0.5
sed -i '/port: 8080/d' "$topology"
show weft up "$topology"
echo "after it was removed" >&9
sleep 0.5
exec 9>&-
wait "$held"
refused show weft exec node-0 -- python3 tools/demo_tcp.py try web 8080

say "An unmodified MPI program, one rank on each node, over weft's EFA"
show weft mpirun -n 2 build/tests/mpi/weft-mpi-latency
say "The same program between the same two instances over libfabric's tcp provider"
show weft mpirun --provider tcp -n 2 build/tests/mpi/weft-mpi-latency

say "What passed, and why what did not"
show weft stats
say "Down: nothing is left behind"
show weft down

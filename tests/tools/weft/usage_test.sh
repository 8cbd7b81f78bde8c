#!/bin/bash
# weft where no daemon runs: usage_test.sh WEFT SOURCE_ROOT
set -u
weft=$1
root=$2
export WEFT_RUNTIME_DIR=$(mktemp -d)
trap 'rm -rf "$WEFT_RUNTIME_DIR"' EXIT
failed=0

# expect EXIT_CODE TEXT COMMAND...: the command ends with it and says the text on stdout or stderr
expect() {
    local code=$1 text=$2
    shift 2
    local said
    said=$("$@" 2>&1 </dev/null)
    local got=$?
    if [ $got -ne "$code" ] || [[ "$said" != *"$text"* ]]; then
        printf 'FAILED: %s\n  ended with %s, expected %s saying "%s":\n%s\n' "$*" $got "$code" "$text" "$said"
        failed=1
    fi
}

commands=(up down stop start reboot terminate ps vf flows flow-logs fault paths stats top metrics explain capture exec ssh mpirun run bench status version)
expect 0 "weft up examples/hpc-cluster.yaml" "$weft" --help
for command in "${commands[@]}"; do
    expect 0 "$command" "$weft" --help
    expect 0 "Example: " "$weft" "$command" --help
done
expect 0 "weft 0." "$weft" --version
expect 0 "weft 0." "$weft" version
expect 2 "" "$weft"
expect 2 "" "$weft" nonsense
expect 2 "" "$weft" ps --nonsense
expect 2 "" "$weft" ps -o yaml

# A weft without its benchmarks, and one with them: all words after the name reach the program
alone=$WEFT_RUNTIME_DIR/bin
mkdir "$alone"
cp "$weft" "$alone/weft"
expect 2 "" "$weft" bench
expect 2 "" "$weft" bench nonsense
expect 4 "weft-bench-engine is neither in this weft's build tree nor installed" "$alone/weft" bench engine --list
mkdir -p "$WEFT_RUNTIME_DIR/libexec/weft"
printf '#!/bin/sh\necho got "$@"\nexit 5\n' >"$WEFT_RUNTIME_DIR/libexec/weft/weft-bench-engine"
chmod +x "$WEFT_RUNTIME_DIR/libexec/weft/weft-bench-engine"
expect 5 "got flows-1 -o json --help --svg x.svg" "$alone/weft" bench engine flows-1 -o json --help --svg x.svg

# weft-gen beside it: devices are those words before the first option
expect 4 "weft-gen is neither beside this weft nor on PATH" env PATH=/usr/bin:/bin "$alone/weft" bench nic a b
printf '#!/bin/sh\necho got "$@"\nexit 6\n' >"$alone/weft-gen"
chmod +x "$alone/weft-gen"
expect 6 "got rfc2544 --port 0000:03:00.0 --port net_null0 --both --size 64" "$alone/weft" bench nic 0000:03:00.0 net_null0 --both --size 64
expect 6 "got rfc2544 --engine --help" "$alone/weft" bench nic --engine --help

# No daemon: 3, and what to do
for listing in ps vf flows "flows --drops" stats "top --once" top metrics status "explain a b icmp" "explain a b --efa" "mpirun -n 2 true" \
    "capture a" "stop a b" "start a" "reboot a" "terminate a -o json" "paths a b" "fault list" "fault set --down" "fault clear --all" "fault clear a"; do
    expect 3 "weft up FILE" "$weft" $listing
done
expect 3 "Weft.DaemonNotRunning" "$weft" exec node-0 -- true
expect 3 "Weft.DaemonNotRunning" "$weft" ssh node-0 true
expect 0 "nothing is running" "$weft" down

# Faults: each subcommand has its own example, and what cannot be meant is refused before anything is asked
for command in set clear list; do
    expect 0 "Example: weft fault $command" "$weft" fault $command --help
done
expect 2 "" "$weft" fault
expect 2 "say what is wrong" "$weft" fault set lossy --path 3
expect 2 "belong together" "$weft" fault set --reorder 1%
expect 2 "or --all" "$weft" fault clear
expect 2 "or --all" "$weft" fault clear a --all
expect 2 "is no name" "$weft" fault clear a/b
expect 2 "is no name" "$weft" paths a 'b&c'
expect 2 "interval" "$weft" paths a b --interval 0
expect 0 "Example: weft paths" "$weft" paths --help

# The file is checked before anything is started
expect 2 "No such file" "$weft" up /nowhere.yaml
printf 'version: 1\nvpc: {cdir: 10.0.0.0/16}\n' >"$WEFT_RUNTIME_DIR/bad.yaml"
expect 2 "bad.yaml:2: vpc.cdir: vpc has no key 'cdir'; did you mean 'cidr'? [UnknownParameter]" \
    "$weft" up "$WEFT_RUNTIME_DIR/bad.yaml"
expect 2 "bad.yaml:2" "$weft" run "$WEFT_RUNTIME_DIR/bad.yaml" -- true
expect 0 "+ instance         node-1" "$weft" up --dry-run "$root/examples/hpc-cluster.yaml"
expect 0 '"name": "node-1"' "$weft" up --dry-run -o json "$root/examples/hpc-cluster.yaml"
expect 0 "nothing was changed" bash -c "'$weft' up --dry-run - <'$root/examples/two-hosts.yaml'"
expect 3 "Weft.DaemonNotRunning" "$weft" status

# Questions that make no sense
expect 0 "Example: weft vf set" "$weft" vf set --help
expect 2 "say what to change" "$weft" vf set web
expect 2 "is no rate" "$weft" vf set web --rate fast
expect 2 "auto" "$weft" vf set web --link up
expect 3 "weft up FILE" "$weft" vf set web --trust on
expect 2 "interval" "$weft" top --interval 0
expect 2 "sort" "$weft" top --sort name
expect 2 "" "$weft" top --once -n 2
expect 2 "a port is needed" "$weft" explain a b tcp
expect 2 "has no ports" "$weft" explain a b icmp 22
expect 2 "say which protocol" "$weft" explain a b
expect 2 "leave them out with --efa" "$weft" explain a b tcp 22 --efa
expect 2 "leave them out with --efa" "$weft" explain a b --efa --size 100
expect 2 "give that too" "$weft" explain a b tcp 22 --may-fragment
expect 2 "are for icmp and icmpv6" "$weft" explain a b tcp 22 --type 8
expect 2 "leave the rest out" "$weft" explain a b tcp 22 --packet x.pcap
expect 2 "or --packet FILE" "$weft" explain
expect 2 "INTERFACE" "$weft" capture
expect 2 "" "$weft" capture a -c 0
expect 2 "" "$weft" capture a --duration -1
expect 2 "" "$weft" capture a -s 1000000
expect 2 "INSTANCE" "$weft" stop
expect 2 "is no name or id" "$weft" stop a/../b
expect 2 "is no name or id" "$weft" terminate "a b"
expect 2 "say which program" "$weft" mpirun -n 2
expect 2 "weft or tcp" "$weft" mpirun --provider shm -n 2 true
expect 2 "say which command" "$weft" run "$root/examples/two-hosts.yaml"
exit $failed

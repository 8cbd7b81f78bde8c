#!/usr/bin/env bash
# The peer of the MPI comparison: two network namespaces joined by a plain veth pair, and Open MPI over libfabric's
# `tcp` provider between them. Needs no root: it runs in a user namespace of its own then.
# Usage: bench/veth_pair.sh PROGRAM [ARGUMENT...]     runs PROGRAM on two ranks, one in each namespace
set -euo pipefail

if [ "${1:-}" != --inside ]; then
    if [ "$(id -u)" -eq 0 ]; then as_root=(); else as_root=(--user --map-root-user); fi
    exec unshare "${as_root[@]}" --mount --net "$0" --inside "$@"
fi
shift

mount -t tmpfs tmpfs /run
for host in left right; do ip netns add $host; done
ip link add eth0 netns left mtu 9001 type veth peer name eth0 netns right mtu 9001
ip -n left address add 10.9.0.1/24 dev eth0
ip -n right address add 10.9.0.2/24 dev eth0
for host in left right; do
    ip -n $host link set lo up
    ip -n $host link set eth0 up
done
# Open MPI picks NIC number (rank mod count) of libfabric's list, which always ends in loopback: rank 1 would get it.
# The same address once more, as a /32, puts eth0 second in the list too.
ip -n left address add 10.9.0.1/32 dev eth0
ip -n right address add 10.9.0.2/32 dev eth0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf '127.0.0.1 localhost\n10.9.0.1 left\n10.9.0.2 right\n' >"$scratch/hosts"
mount --bind "$scratch/hosts" /etc/hosts

# Open MPI's launch agent: `agent HOST COMMAND...` runs the command on the host, here in its namespace.
cat >"$scratch/agent" <<'AGENT'
#!/bin/sh
host=$1
shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"
AGENT
chmod +x "$scratch/agent"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 FI_PROVIDER=tcp
export TMPDIR=$scratch
"$scratch/agent" left mpirun --mca plm_rsh_agent "$scratch/agent" --host left:1,right:1 -n 2 --map-by node \
    --bind-to none --mca oob_tcp_if_include eth0 --mca pml cm --mca mtl ofi --mca btl self \
    --mca mtl_ofi_provider_include tcp -x FI_PROVIDER "$@"

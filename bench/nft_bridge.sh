#!/usr/bin/env bash
# The peer of the TAP comparison: two network namespaces, each on a leg of a Linux bridge that tracks connections and
# lets by nftables what an instance's security group lets by: what is established, and new connections to iperf3's port
# from the other. Needs no root: it runs in a user namespace of its own then. bench/tap.py enters by nsenter.
# Usage: bench/nft_bridge.sh MTU     says "ready", and holds the namespaces until its input ends
set -euo pipefail

if [ "${1:-}" != --inside ]; then
    if [ "$(id -u)" -eq 0 ]; then as_root=(); else as_root=(--user --map-root-user); fi
    exec unshare "${as_root[@]}" --mount --net "$0" --inside "$@"
fi
mtu=$2

mount -t tmpfs tmpfs /run
for host in left right; do ip netns add $host; done
# Not a rule of the family `bridge`: connections are tracked there only where the kernel has CONFIG_NF_CONNTRACK_BRIDGE.
ip link add br0 type bridge nf_call_iptables 1
number=1
for host in left right; do
    ip link add $host mtu "$mtu" type veth peer name eth0 mtu "$mtu" netns $host
    ip link set $host master br0 up
    ip -n $host address add 10.9.0.$number/24 dev eth0
    ip -n $host link set lo up
    ip -n $host link set eth0 up
    number=$((number + 1))
done
ip link set br0 mtu "$mtu" up
nft -f - <<'RULES'
table ip filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state new ip saddr 10.9.0.1 ip daddr 10.9.0.2 tcp dport 5201 accept
    }
}
RULES
echo ready
cat >/dev/null

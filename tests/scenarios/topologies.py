"""The networks that several scenarios start from."""

# Two instances that may do everything to each other.
OPEN_PAIR = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: main, cidr: 10.0.1.0/24}
security_groups:
  - name: open
    ingress: [{protocol: all, cidr: 0.0.0.0/0}]
instances:
  - {name: a, interfaces: [{private_ip: 10.0.1.10, security_groups: [open]}]}
  - {name: b, interfaces: [{private_ip: 10.0.1.11, security_groups: [open]}]}
"""

# A client and a server that lets the client's group ping it and reach port 80.
GUARDED_PAIR = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: main, cidr: 10.0.1.0/24}
security_groups:
  - name: client
  - name: server
    ingress:
      - {protocol: icmp, group: client}
      - {protocol: tcp, port: 80, group: client}
instances:
  - {name: a, interfaces: [{private_ip: 10.0.1.10, security_groups: [client]}]}
  - {name: b, interfaces: [{private_ip: 10.0.1.11, security_groups: [server]}]}
"""

PORT_80 = "      - {protocol: tcp, port: 80, group: client}\n"
PORT_81 = "      - {protocol: tcp, port: 81, group: client}\n"


# Words before a command that runs in a container with an address of the guest's delegated prefix, as EC2's plug-in for
# Kubernetes gives them: the guest forwards its packets, which takes one from their time to live in each direction.
ONE_HOP_BEHIND = ["bash", "-c", """\
set -e
unshare --net sleep 60 & child=$!
trap 'ip link del outer; kill $child' EXIT
while [ "$(readlink /proc/$child/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add inner type veth peer name outer
ip link set inner netns $child
ip link set outer up
ip route add 10.0.1.50 dev outer
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv4/conf/outer/proxy_arp
nsenter --net=/proc/$child/ns/net sh -ec 'ip addr add 10.0.1.50/32 dev inner; ip link set inner up; ip route add default dev inner'
nsenter --net=/proc/$child/ns/net "$@"
""", "behind"]


def many(count):
    return f"""\
version: 1
vpc: {{cidr: 10.0.0.0/16}}
subnets:
  - {{name: main, cidr: 10.0.1.0/24}}
security_groups:
  - name: open
    ingress: [{{protocol: all, cidr: 0.0.0.0/0}}]
instances:
  - {{name: node, count: {count}, interfaces: [{{security_groups: [open]}}]}}
"""

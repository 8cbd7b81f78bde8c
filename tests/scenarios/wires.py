#!/usr/bin/env python3
"""An instance whose interface is a wire: a DPDK device on one end of a veth pair, whose other end is a host in a network
namespace, with the instance's address. What the groups allow passes, what they do not is a security drop; the link goes down
and comes back; the wire is cut under traffic and the daemon lives on. Once by af_packet and once by af_xdp."""
from far_end import Host, drops, in_a_network_of_our_own, ip, veth, wait_for
from weft_scenario import check, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: main, cidr: 10.0.1.0/24}
security_groups:
  - name: outside
    ingress:
      - {protocol: icmp, cidr: 10.0.1.0/24}
  - name: server
    ingress:
      - {protocol: icmp, cidr: 10.0.1.0/24}
instances:
  - {name: x, interfaces: [{private_ip: 10.0.1.10, security_groups: [outside], port: {driver: ethdev, device: "DEVICE"}}]}
  - {name: y, interfaces: [{private_ip: 10.0.1.11, security_groups: [server]}]}
"""


def refused_by_the_link(weft):
    weft.inside("y", "ping", "-c", "1", "-W", "1", "10.0.1.10", ok=(1,))
    return drops(weft, "link-down") > 0


def on_a_wire(weft, kind):
    near, far = f"{kind}0", f"{kind}1"
    veth(near, far)
    host = Host(far)
    try:
        weft.up(TOPOLOGY.replace("DEVICE", f"net_{kind},iface={near}"))
        mac = next(one for one in weft.ask("ps") if one["name"] == "x")["interfaces"][0]["mac"]
        host.take("10.0.1.10/24", mac)
        wait_for(f"a ping over {kind}", lambda: host.reaches("10.0.1.11"))

        host.run("nc", "-z", "-w", "1", "10.0.1.11", "22")
        check(drops(weft, "group-ingress") > 0, f"{kind}: TCP that no rule allows is dropped by the group")

        host.run("ip", "link", "set", far, "down")
        wait_for(f"{kind}: the link is down", lambda: refused_by_the_link(weft))
        host.run("ip", "link", "set", far, "up")
        wait_for(f"{kind}: the link is up again", lambda: host.reaches("10.0.1.11"))

        ip("link", "delete", near)  # the wire is cut
        weft.inside("y", "ping", "-c", "1", "-W", "1", "10.0.1.10", ok=(0, 1))
        check(weft.ask("stats")["balance"]["holds"], f"{kind}: the balance of received and delivered packets does not hold")
        weft.down()
    finally:
        host.end()


def scenario(weft):
    for kind in ("af_packet", "af_xdp"):
        on_a_wire(weft, kind)


in_a_network_of_our_own()
main(scenario, TOPOLOGY, needs="root")

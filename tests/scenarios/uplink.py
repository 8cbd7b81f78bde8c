#!/usr/bin/env python3
"""The internet gateway on a wire instead of a namespace: a host at the other end reaches an instance at its Elastic IP and is
reached from it, by TCP; what no rule allows is dropped, and counted. The wire is edited in and out while the instance lives."""
from far_end import Host, drops, in_a_network_of_our_own, veth, wait_for
from weft_scenario import check, equal, main

NEXT_HOP = "52:54:00:12:34:56"
TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
internet_gateway: {addresses: [198.51.100.10], public_pool: 203.0.113.0/24WIRE}
route_tables:
  - {name: public, main: true, routes: [{destination: 0.0.0.0/0, target: internet_gateway}]}
subnets: [{name: main, cidr: 10.0.1.0/24}]
security_groups:
  - {name: web, ingress: [{protocol: tcp, port: 80, cidr: 0.0.0.0/0}, {protocol: icmp, cidr: 0.0.0.0/0}]}
instances:
  - {name: web, interfaces: [{private_ip: 10.0.1.10, security_groups: [web]}]}
elastic_ips:
  - {name: front, address: 203.0.113.77, interface: web}
"""
WIRE = f', port: {{driver: ethdev, device: "net_af_packet,iface=up0"}}, next_hop_mac: "{NEXT_HOP}"'


def over_the_wire(weft, host):
    wait_for("a ping from the wire", lambda: host.reaches("203.0.113.77"))
    equal(host.run("curl", "--silent", "--max-time", "5", "http://203.0.113.77/").stdout, "198.51.100.10", "as web sees it")
    equal(weft.inside("web", "curl", "--silent", "--max-time", "5", "http://198.51.100.10/"), "203.0.113.77", "as the host sees it")
    before = drops(weft, "group-ingress")
    host.run("nc", "-z", "-w", "1", "203.0.113.77", "22")
    check(drops(weft, "group-ingress") > before, "TCP that no rule allows is dropped by the group")
    before = drops(weft, "unknown-public-address")
    host.run("ping", "-c", "1", "-W", "1", "203.0.113.78")
    check(drops(weft, "unknown-public-address") > before, "a public address that nobody has is nobody's")
    weft.inside("internet", "ip", "address", "show", "eth0", ok=(1,))  # the namespace has no interface


def scenario(weft):
    veth("up0", "up1")
    host = Host("up1")
    try:
        weft.up(TOPOLOGY.replace("WIRE", ""))
        server = weft.start("web", "http", 80)
        equal(server.line(), "ready", "the server in web")
        weft.inside("web", "ping", "-c1", "-W2", "198.51.100.10")  # a namespace

        # The wire is edited in.
        weft.up(TOPOLOGY.replace("WIRE", WIRE))
        host.take("198.51.100.10/32", NEXT_HOP)
        host.run("ip", "route", "add", "169.254.0.1", "dev", "up1")
        host.run("ip", "route", "add", "203.0.113.0/24", "via", "169.254.0.1")
        equal(host.serve("http", 80).line(), "ready", "the server at the far end")
        over_the_wire(weft, host)

        # A device of two queues in its place: the first one lets go of the interface before.
        weft.up(TOPOLOGY.replace("WIRE", WIRE.replace("iface=up0", "iface=up0,qpairs=2").replace("}", ", queues: 2}", 1)))
        over_the_wire(weft, host)

        # And out.
        weft.up(TOPOLOGY.replace("WIRE", ""))
        check(not host.reaches("203.0.113.77"), "nothing is at the wire any more")
        weft.inside("internet", "ping", "-c1", "-W2", "203.0.113.77")
    finally:
        host.end()


in_a_network_of_our_own()
main(scenario, TOPOLOGY.replace("WIRE", ""), needs="root")

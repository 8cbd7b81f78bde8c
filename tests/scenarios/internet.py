#!/usr/bin/env python3
"""The internet behind the gateway: an Elastic IP is one address inside and another outside, with curl and ping both ways;
who has no public address has no way out; a public address changes over stop and start, an Elastic one does not (facts ec2 3)."""
from weft_scenario import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
internet_gateway: {addresses: [198.51.100.10], public_pool: 203.0.113.0/24}
route_tables:
  - name: public
    main: true
    routes: [{destination: 0.0.0.0/0, target: internet_gateway}]
subnets: [{name: main, cidr: 10.0.1.0/24}]
security_groups:
  - name: web
    ingress: [{protocol: tcp, port: 80, cidr: 0.0.0.0/0}, {protocol: icmp, cidr: 0.0.0.0/0}]
instances:
  - {name: web, interfaces: [{private_ip: 10.0.1.10, security_groups: [web]}]}
  - {name: hidden, interfaces: [{private_ip: 10.0.1.11, security_groups: [web]}]}
  - {name: auto, interfaces: [{private_ip: 10.0.1.12, security_groups: [web], associate_public_ip: true}]}
elastic_ips:
  - {name: front, address: 203.0.113.77, interface: web}
"""


def get(weft, guest, address, ok=(0,)):
    return weft.inside(guest, "curl", "--silent", "--max-time", "5", f"http://{address}/", ok=ok)


def public_ip(weft, name):
    return next(one for one in weft.ask("ps") if one["name"] == name)["interfaces"][0]["public_ip"]


def server(weft, name):
    one = weft.start(name, "http", 80)
    equal(one.line(), "ready", f"the server in {name}")


def scenario(weft):
    weft.up()
    for name in ("web", "hidden", "auto", "internet"):
        server(weft, name)

    # Statement 29: web sees who asked; who is asked sees the Elastic IP, by the names that both know.
    equal(get(weft, "internet", "203.0.113.77"), "198.51.100.10", "the client as web sees it")
    equal(get(weft, "internet", "web"), "198.51.100.10", "by name, which is the Elastic IP out there")
    equal(get(weft, "web", "198.51.100.10"), "203.0.113.77", "the client as the internet sees it")
    equal(get(weft, "web", "10.0.1.11"), "10.0.1.10", "inside the VPC it is the private address")
    weft.inside("internet", "ping", "-c1", "-W2", "203.0.113.77")
    weft.inside("web", "ping", "-c1", "-W2", "198.51.100.10")
    check("203.0.113" not in weft.inside("web", "ip", "addr"), "the instance itself does not know its public address")

    # No public address: no way out, and none in.
    weft.inside("hidden", "ping", "-c1", "-W1", "198.51.100.10", ok=(1,))
    weft.inside("internet", "ping", "-c1", "-W1", "10.0.1.11", ok=(1,))
    weft.inside("internet", "ping", "-c1", "-W1", "203.0.113.200", ok=(1,))

    # Statement 31: another public address after stop and start, the same Elastic one.
    before = public_ip(weft, "auto")
    equal(get(weft, "auto", "198.51.100.10"), before, "auto's own public address")
    weft.run("stop", "auto", "web")
    weft.inside("internet", "ping", "-c1", "-W1", before, ok=(1,))
    weft.run("start", "auto", "web")
    after = public_ip(weft, "auto")
    check(before != after, f"{before} is another address now")
    equal(get(weft, "auto", "198.51.100.10"), after, "auto's new public address")
    equal(get(weft, "web", "198.51.100.10"), "203.0.113.77", "web's Elastic IP after stop and start")

    # The gateway goes, and the namespace with it; what is inside notices nothing else.
    text = TOPOLOGY.replace("internet_gateway: {addresses", "# {addresses").replace("main: true", "main: true #")
    text = text.replace("    routes: [{destination: 0.0.0.0/0, target: internet_gateway}]\n", "")
    text = text[:text.index("elastic_ips")].replace(", associate_public_ip: true", "")
    weft.up(text)
    weft.inside("internet", "true", ok=(1, 2))
    weft.inside("web", "ping", "-c1", "-W1", "198.51.100.10", ok=(1,))
    equal(get(weft, "web", "10.0.1.11"), "10.0.1.10", "inside the VPC")
    weft.up(TOPOLOGY)
    equal(weft.inside("internet", "hostname"), "internet\n", "and it comes back")


main(scenario, TOPOLOGY)

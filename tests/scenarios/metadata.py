#!/usr/bin/env python3
"""Instance metadata with real clients (statement 40, facts ec2 7.4): curl, wget and Python's urllib; tokens, keep-alive, a
slow reader, options changed live, over IPv6, and a client one IP hop behind the guest."""
import sys

from topologies import ONE_HOP_BEHIND
from weft_scenario import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: 2001:db8:1::/56}
internet_gateway: {public_pool: 203.0.113.0/24}
subnets: [{name: main, cidr: 10.0.1.0/24, ipv6_cidr: 2001:db8:1::/64, az: use1-az2}]
security_groups:
  - {name: closed, ingress: [], egress: []}
placement_groups: [{name: tight, strategy: cluster}]
instances:
  - name: a
    type: c5n.9xlarge
    placement_group: tight
    metadata_options: {}
    interfaces:
      - private_ip: 10.0.1.10
        secondary_private_ips: [10.0.1.20, 10.0.1.21]
        ipv6_addresses: 1
        ipv4_prefixes: [10.0.1.48/28]
        security_groups: [closed]
      - {private_ip: 10.0.1.30, security_groups: [closed]}
elastic_ips:
  - {name: front, address: 203.0.113.77, interface: a/eth0}
"""
BASE = "http://169.254.169.254"
SECONDS = "X-aws-ec2-metadata-token-ttl-seconds: "

URLLIB = """\
import urllib.request as r
put = r.Request("http://169.254.169.254/latest/api/token", method="PUT", data=b"",
                headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
token = r.urlopen(put, timeout=5).read().decode()
get = r.Request("http://169.254.169.254/latest/meta-data/instance-id", headers={"X-aws-ec2-metadata-token": token})
print(r.urlopen(get, timeout=5).read().decode(), end="")
"""


def curl(weft, *words, ok=(0,), instance="a"):
    return weft.inside(instance, "curl", "--silent", "--show-error", "--max-time", "15", *words, ok=ok)


def status(weft, *words):
    return curl(weft, "--output", "/dev/null", "--write-out", "%{http_code}", *words)


def token(weft, seconds=600, base=BASE):
    return curl(weft, "-X", "PUT", f"{base}/latest/api/token", "-H", SECONDS + str(seconds))


def get(weft, path, base=BASE):
    return curl(weft, "-H", "X-aws-ec2-metadata-token: " + token(weft, base=base), base + path)


def tree(weft):
    instance = next(one for one in weft.ask("ps") if one["name"] == "a")
    eth0 = instance["interfaces"][0]
    at = f"/latest/meta-data/network/interfaces/macs/{eth0['mac']}/"
    equal(get(weft, at + "local-ipv4s"), "10.0.1.10\n10.0.1.20\n10.0.1.21", "every private IPv4 of the ENI")
    for path, value in {
            "instance-id": instance["id"], "instance-type": "c5n.9xlarge", "local-ipv4": "10.0.1.10",
            "local-hostname": "ip-10-0-1-10.ec2.internal", "public-ipv4": "203.0.113.77", "mac": eth0["mac"],
            "public-hostname": "ec2-203-0-113-77.compute-1.amazonaws.com", "security-groups": "closed",
            "placement/availability-zone-id": "use1-az2", "placement/availability-zone": "us-east-1b",
            "placement/region": "us-east-1", "placement/group-name": "tight", "services/domain": "amazonaws.com"}.items():
        equal(get(weft, "/latest/meta-data/" + path), value, path)
    for path, value in {
            "device-number": "0", "interface-id": eth0["id"], "ipv4-associations/203.0.113.77": "10.0.1.10",
            "ipv6s": eth0["ipv6_addresses"][0], "public-ipv4s": "203.0.113.77", "ipv4-prefix": "10.0.1.48/28", "security-groups": "closed",
            "subnet-ipv4-cidr-block": "10.0.1.0/24", "subnet-ipv6-cidr-blocks": "2001:db8:1::/64",
            "vpc-ipv4-cidr-block": "10.0.0.0/16", "vpc-ipv6-cidr-blocks": "2001:db8:1::/56"}.items():
        equal(get(weft, at + path), value, path)
    macs = get(weft, "/latest/meta-data/network/interfaces/macs/").split("\n")
    equal(sorted(macs), sorted(one["mac"] + "/" for one in instance["interfaces"]), "a folder for each ENI")
    equal(get(weft, f"/2021-03-23/meta-data/network/interfaces/macs/{macs[1]}device-number"), "1", "a dated version")
    equal(status(weft, "-H", "X-aws-ec2-metadata-token: " + token(weft), BASE + at + "ipv6-prefix"), "404", "no such prefixes")


def behind(weft, *words, ok=(0,)):
    """curl one IP hop behind the guest: whether it had a connection, and the status that it got."""
    seconds = 15 if 0 in ok else 6
    said = weft.inside("a", *ONE_HOP_BEHIND, "curl", "--silent", "--output", "/dev/null", "--max-time", seconds,
                       "--write-out", "%{time_connect} %{http_code}", *words, ok=ok)
    connected, code = said.split()
    return float(connected) > 0, code


def scenario(weft):
    weft.up()
    # Statement 40. Neither a group nor an ACL has a say: the instance's group has no rule at all.
    equal(status(weft, BASE + "/latest/meta-data/"), "401", "without a token")
    equal(status(weft, "-X", "PUT", BASE + "/latest/api/token", "-H", SECONDS + "21601"), "400", "21601 seconds")
    equal(status(weft, "-X", "PUT", BASE + "/latest/api/token", "-H", SECONDS + "60", "-H", "X-Forwarded-For: 10.9.9.9"),
          "403", "through a proxy")
    tree(weft)
    put = ("-X", "PUT", BASE + "/latest/api/token", "-H", SECONDS + "60")
    equal(behind(weft, *put, ok=(28,)), (True, "000"), "one hop behind the guest: connected, and the token never comes")
    equal(behind(weft, BASE + "/latest/meta-data/"), (True, "401"), "other answers do")

    # Clients: several requests on one connection, a slow reader, wget, urllib.
    key = "X-aws-ec2-metadata-token: " + token(weft)
    said = curl(weft, "-H", key, "--write-out", "\n%{num_connects}\n", BASE + "/latest/meta-data/local-ipv4",
                BASE + "/latest/meta-data/local-hostname")
    equal(said, "10.0.1.10\n1\nip-10-0-1-10.ec2.internal\n0\n", "two requests on one connection")
    equal(curl(weft, "-H", key, "--limit-rate", "100", BASE + "/"), get(weft, "/"), "read slowly")
    equal(curl(weft, "-H", key, "--interface", "10.0.1.30", BASE + "/latest/meta-data/local-ipv4"), "10.0.1.10",
          "by the second interface, the same instance")
    equal(weft.inside("a", "wget", "-q", "-O-", "--header", key, BASE + "/latest/meta-data/local-ipv4"), "10.0.1.10",
          "wget")
    check(weft.inside("a", sys.executable, "-c", URLLIB).startswith("i-"), "urllib gets a token and the instance's id")

    # Options live: the interfaces stay as they are, and a token that was given stays good.
    equal(weft.inside("a", "curl", "-gs", "--max-time", "1", "http://[fd00:ec2::254]/", ok=(28,)), "", "IPv6 is off")
    options = "{http_tokens: optional, http_put_response_hop_limit: 2, http_protocol_ipv6: enabled}"
    printed = weft.up(TOPOLOGY.replace("metadata_options: {}", f"metadata_options: {options}"))
    check("metadata: EC2's defaults -> tokens optional, hop limit 2, endpoint enabled, IPv6 enabled" in printed, printed)
    equal(curl(weft, BASE + "/latest/meta-data/local-ipv4"), "10.0.1.10", "without a token")
    equal(curl(weft, "-H", key, BASE + "/latest/meta-data/local-ipv4"), "10.0.1.10", "with the old one")
    equal(get(weft, "/latest/meta-data/local-ipv4", base="http://[fd00:ec2::254]"), "10.0.1.10", "over IPv6")
    equal(behind(weft, *put), (True, "200"), "one hop behind the guest, with a hop limit of 2")
    equal(weft.ask("ps")[0]["metadata_options"],
          {"http_tokens": "optional", "http_put_response_hop_limit": 2, "http_endpoint": "enabled",
           "http_protocol_ipv6": "enabled"}, "in JSON")
    weft.up(TOPOLOGY.replace("metadata_options: {}", "metadata_options: {http_endpoint: disabled}"))
    equal(status(weft, "-H", key, BASE + "/latest/meta-data/"), "403", "the endpoint is off")
    weft.up(TOPOLOGY)
    equal(curl(weft, "-H", key, BASE + "/latest/meta-data/local-ipv4"), "10.0.1.10", "and on again")


main(scenario, TOPOLOGY)

#!/usr/bin/env python3
"""Statement 40 of facts ec2 10: instance metadata by session tokens. More of it, by other people's clients: ../metadata.py."""
import http.client

from statements import check, equal, main
from topologies import ONE_HOP_BEHIND

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: s, cidr: 10.0.1.0/24}]
network_acls: [{name: default}]
security_groups:
  - {name: closed, ingress: [], egress: []}
instances:
  - name: a
    metadata_options: {http_tokens: required, http_put_response_hop_limit: 1}
    interfaces:
      - {private_ip: 10.0.1.10, secondary_private_ips: [10.0.1.20, 10.0.1.21], ipv4_prefixes: [10.0.1.48/28], security_groups: [closed]}
      - {private_ip: 10.0.1.30, secondary_private_ips: [10.0.1.31], security_groups: [closed]}
"""
HOST = "169.254.169.254"
TOKEN, SECONDS = "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds"


def ask(vpc, method, path, **headers):
    """(status, body) of one request; a header's `_` stands for `-`."""
    connection = http.client.HTTPConnection(HOST)
    connection.sock = vpc.a.connect(HOST, 80)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def put_token(vpc, seconds, **headers):
    return ask(vpc, "PUT", "/latest/api/token", **{SECONDS: str(seconds)}, **headers)


def behind(vpc, *words, ok=(0,)):
    """curl one IP hop behind the guest: whether it had a connection, and the status that it got."""
    seconds = 20 if 0 in ok else 6
    said = vpc.a.inside(*ONE_HOP_BEHIND, "curl", "--silent", "--output", "/dev/null", "--max-time", seconds, "--write-out",
                        "%{time_connect} %{http_code}", *words, ok=ok)
    connected, status = said.split()
    return float(connected) > 0, status


def statement_40_metadata_is_for_who_has_a_token_and_sits_on_the_guest(vpc):
    # No group and no ACL lets anything in or out.
    equal(ask(vpc, "GET", "/latest/meta-data/")[0], 401, "without a token")
    equal(put_token(vpc, 21601)[0], 400, "a token for 21601 seconds")
    equal(put_token(vpc, 0)[0], 400, "a token for no time")
    equal(put_token(vpc, 60, X_Forwarded_For="10.9.9.9")[0], 403, "by a proxy")
    wire = vpc.a.wire()
    status, token = put_token(vpc, 21600)
    check(status == 200 and token, f"a token for 21600 seconds: {status}")
    answer = wire.wait_for(lambda one: token.encode() in one.data)
    equal((answer.addresses[0], answer.packet[8]), (HOST, 1), "who sent it, and its time to live")

    for index, addresses in enumerate((["10.0.1.10", "10.0.1.20", "10.0.1.21"], ["10.0.1.30", "10.0.1.31"])):
        path = f"/latest/meta-data/network/interfaces/macs/{vpc.a.mac(index)}/local-ipv4s"
        equal(ask(vpc, "GET", path, **{TOKEN: token}), (200, "\n".join(addresses)), f"addresses of eth{index}")
        equal(ask(vpc, "GET", path, **{TOKEN: "x" + token})[0], 401, "with another token")

    url = f"http://{HOST}/latest/"
    equal(behind(vpc, "-X", "PUT", url + "api/token", "-H", f"{SECONDS}: 60", ok=(28,)), (True, "000"),
          "one hop behind the guest: a connection, and the token never gets there")
    equal(behind(vpc, url + "meta-data/"), (True, "401"), "other answers do")


main(TOPOLOGY)

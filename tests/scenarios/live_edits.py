"""A topology, and what can be edited in it: one edit after the other, each a whole topology or a request to the API."""
import copy
import json

START = {
    "version": 1,
    "vpc": {"cidr": "10.0.0.0/16", "ipv6_cidr": "2001:db8:1234:1a00::/56"},
    "internet_gateway": {"addresses": ["198.51.100.10"], "public_pool": "203.0.113.0/24"},
    "prefix_lists": [{"name": "offices", "entries": ["192.0.2.0/28", "192.0.2.64/28"], "max_entries": 5}],
    "route_tables": [
        {"name": "public", "main": True, "routes": [{"destination": "0.0.0.0/0", "target": "internet_gateway"}]},
        {"name": "inner", "routes": [{"destination": "192.0.2.0/24", "target": "blackhole"}]}],
    "network_acls": [{"name": "edge", "ingress": [{"rule": 100, "action": "allow", "protocol": "all", "cidr": "0.0.0.0/0"}],
                      "egress": [{"rule": 100, "action": "allow", "protocol": "all", "cidr": "0.0.0.0/0"}]}],
    "subnets": [{"name": "main", "cidr": "10.0.1.0/24", "ipv6_cidr": "2001:db8:1234:1a01::/64"},
                {"name": "far", "cidr": "10.0.2.0/24", "route_table": "inner", "network_acl": "edge"}],
    "security_groups": [
        {"name": "stays", "ingress": [{"protocol": "udp", "ports": "7001-7004", "group": "self"}]},
        {"name": "other", "ingress": [{"protocol": "tcp", "port": 80, "prefix_list": "offices"}]}],
    "placement_groups": [{"name": "tight", "strategy": "cluster"}],
    "instances": [
        {"name": "a", "interfaces": [{"subnet": "main", "private_ip": "10.0.1.10", "ipv6_addresses": ["2001:db8:1234:1a01::a"], "security_groups": ["stays"]}]},
        {"name": "b", "interfaces": [{"subnet": "main", "private_ip": "10.0.1.11", "ipv6_addresses": ["2001:db8:1234:1a01::b"], "security_groups": ["stays"]}]},
        {"name": "far", "interfaces": [{"subnet": "far", "private_ip": "10.0.2.12", "security_groups": ["stays"]}]},
        {"name": "c", "interfaces": [{"subnet": "main", "private_ip": "10.0.1.20", "security_groups": ["other"]}]},
        {"name": "d", "interfaces": [{"subnet": "main", "private_ip": "10.0.1.21", "security_groups": ["other"]}]}],
    "network_interfaces": [{"name": "floating", "subnet": "main", "private_ip": "10.0.1.50", "security_groups": ["other"]}],
    "elastic_ips": [{"name": "front", "address": "203.0.113.77", "interface": "a/eth0"}, {"name": "spare", "address": "203.0.113.78"}],
}


def text(topology, directory="/nowhere"):
    return json.dumps(topology, indent=1).replace("@", str(directory))  # which is YAML too


class Edits(list):
    """The topology as edited so far; each change() adds it as one edit."""

    def __init__(self):
        self.now = copy.deepcopy(START)

    def change(self, name, edit):
        edit(self.now)
        self.append((name, copy.deepcopy(self.now)))

    def put(self, name, section, which, **keys):
        """`which` is the place of one in its section; a key of None is taken away."""
        def edit(topology):
            one = topology[section][which] if which is not None else topology[section]
            for key, value in keys.items():
                if value is None:
                    one.pop(key, None)
                else:
                    one[key] = value
        self.change(name, edit)

    def interface(self, name, which, **keys):
        def edit(topology):
            own = topology["instances"][which]["interfaces"][0]
            for key, value in keys.items():
                if value is None:
                    own.pop(key, None)
                else:
                    own[key] = value
        self.change(name, edit)

    def request(self, name, verb, instance):
        self.append((name, f"/v1/instances/{instance}/{verb}"))


def all_edits():
    A, B, FAR, C, D = range(5)
    edits = Edits()
    own = START["security_groups"][0]["ingress"]
    web = {"protocol": "tcp", "port": 443, "cidr": "0.0.0.0/0"}

    # What passes by its state, even when the rule that let it in has gone; and rules of others.
    edits.put("a rule more of their group", "security_groups", 0, ingress=own + [web])
    edits.put("the rule that let them in goes", "security_groups", 0, ingress=[web])
    edits.put("and comes back", "security_groups", 0, ingress=own)
    edits.put("egress of their group", "security_groups", 0, egress=[{"protocol": "udp", "ports": "7000-7100", "cidr": "0.0.0.0/0"},
                                                                   {"protocol": "udp", "ports": "7000-7100", "cidr": "::/0"}])
    edits.put("a rule of another group", "security_groups", 1, ingress=[web])
    edits.change("a group more", lambda t: t["security_groups"].append({"name": "third", "ingress": [{"protocol": "all", "group": "stays"}]}))
    edits.interface("membership of another", C, security_groups=["other", "third", "stays"])
    edits.interface("a group more of b", B, security_groups=["stays", "third"])
    edits.put("entries of a prefix list", "prefix_lists", 0, entries=["192.0.2.0/28", "198.18.0.0/15", "10.0.1.0/24"])

    entry = {"rule": 50, "action": "deny", "protocol": "tcp", "port": 23, "cidr": "0.0.0.0/0"}
    acl = START["network_acls"][0]
    edits.put("an entry of their network ACL", "network_acls", 0, ingress=[entry] + acl["ingress"], egress=[entry] + acl["egress"])
    edits.put("a route of their table", "route_tables", 1, routes=[{"destination": "192.0.2.0/25", "target": "blackhole"}])
    edits.put("a route besides the one to the internet", "route_tables", 0, routes=START["route_tables"][0]["routes"] + [
        {"destination": "198.18.0.0/15", "target": "blackhole"}])
    edits.change("a subnet more", lambda t: t["subnets"].append({"name": "new", "cidr": "10.0.3.0/24"}))
    edits.put("public addresses at launch", "subnets", 2, map_public_ip_on_launch=True)

    edits.change("an instance more", lambda t: t["instances"].append({"name": "e", "interfaces": [{"subnet": "new", "security_groups": ["other"]}]}))
    edits.change("four more in a placement group", lambda t: t["instances"].append(
        {"name": "node", "count": 4, "type": "c5n.18xlarge", "placement_group": "tight", "interfaces": [{"subnet": "new", "security_groups": ["other"]}]}))
    edits.put("two less", "instances", 6, count=2)
    edits.change("and none", lambda t: t["instances"].pop(6))
    edits.change("a spread group", lambda t: t["placement_groups"].append({"name": "apart", "strategy": "spread"}))
    edits.change("an instance less", lambda t: t["instances"].pop(5))

    edits.put("an interface is attached to another", "network_interfaces", 0, instance="c", device_index=1)
    edits.put("moved", "network_interfaces", 0, instance="d")
    edits.put("moved to a itself", "network_interfaces", 0, instance="a")
    edits.put("detached", "network_interfaces", 0, instance=None, device_index=None)
    edits.interface("addresses of another", C, secondary_private_ips=["10.0.1.22"], ipv6_addresses=["2001:db8:1234:1a01::c"])
    edits.interface("an address more of b", B, secondary_private_ips=["10.0.1.23"])
    edits.interface("moved to a", B, secondary_private_ips=None)
    edits.interface("which is there", A, secondary_private_ips=["10.0.1.23"])
    edits.interface("delegated prefixes", C, ipv4_prefixes=["10.0.1.64/28"], ipv6_prefixes=["2001:db8:1234:1a01:c::/80"])
    edits.interface("and of b", B, ipv4_prefixes=1)
    edits.interface("source/dest check", C, source_dest_check=False)
    edits.put("a route to another's interface", "route_tables", 1, routes=[{"destination": "192.0.2.0/24", "interface": "c/eth0"}])
    edits.interface("time-outs of another", C, connection_tracking={"udp_timeout": 40})
    edits.interface("time-outs of a", A, connection_tracking={"udp_timeout": 60, "udp_stream_timeout": 170})
    edits.interface("a description", A, description="sends numbers")

    edits.put("an Elastic IP for another", "elastic_ips", 1, interface="c/eth0")
    edits.put("which moves", "elastic_ips", 1, interface="d/eth0")
    edits.put("and is free", "elastic_ips", 1, interface=None)
    edits.put("options of DHCP", "vpc", None, dhcp={"domain_name": "example.com", "ntp_servers": ["10.0.1.9"], "domain_name_servers": ["10.0.1.8"]})
    edits.put("no resolver", "vpc", None, dns_support=False)
    edits.put("limits of another", "instances", D, limits={"pps": 1000, "baseline_gbps": 1, "peak_gbps": 2, "connections": 100})
    edits.put("limits of a", "instances", A, limits={"pps": 1000000, "connections": 100000})
    edits.put("no limits", "instances", A, limits=None)
    edits.put("how another asks for its metadata", "instances", C, metadata_options={"http_tokens": "optional"})
    edits.put("and how a does", "instances", A, metadata_options={"http_put_response_hop_limit": 2})
    edits.change("a flow log of everything", lambda t: t.update(flow_logs=[
        {"name": "all", "destination": "@/flow-logs", "max_aggregation_interval": 60}]))
    edits.change("and one of b", lambda t: t["flow_logs"].append(
        {"name": "b", "destination": "@/flow-logs", "interface": "b", "traffic_type": "ACCEPT"}))
    edits.append(("which are written now", "/v1/flow-logs/flush"))
    edits.change("no flow logs", lambda t: t.pop("flow_logs"))
    edits.request("another stops", "stop", "c")
    edits.request("starts", "start", "c")
    edits.request("is rebooted", "reboot", "d")
    edits.request("is terminated", "terminate", "d")
    edits.append(("and everything back", copy.deepcopy(START)))
    return edits


EDITS = all_edits()

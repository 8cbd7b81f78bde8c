#!/usr/bin/env python3
"""Clients of what the network answers itself, on an instance's own interface: dhclient (both families) and udhcpc lease what
the instance was made with, after it was taken away; dig, ntpdig, rdisc6, ndisc6 and the kernel's router discovery
(facts ec2 1.7, 1.9; statement 8)."""
import re
import time

from weft_clients import no_drops, program, says
from weft_scenario import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: 2001:db8:1234:1a00::/56}
internet_gateway: true
subnets: [{name: main, cidr: 10.0.0.0/24, ipv6_cidr: 2001:db8:1234:1a01::/64}]
security_groups:
  - {name: closed, egress: []}
  - {name: ping, ingress: [{protocol: icmp, cidr: 0.0.0.0/0}, {protocol: icmpv6, cidr: "::/0"}]}
instances:
  - {name: a, interfaces: [{private_ip: 10.0.0.10, ipv6_addresses: ["2001:db8:1234:1a01::a"], ipv6_prefixes: ["2001:db8:1234:1a01:d::/80"], security_groups: [GROUP]}]}
  - {name: b, interfaces: [{private_ip: 10.0.0.11, ipv6_addresses: ["2001:db8:1234:1a01::b"], security_groups: [ping], associate_public_ip: true}]}
"""
A6, B6, SUBNET6 = "2001:db8:1234:1a01::a", "2001:db8:1234:1a01::b", "2001:db8:1234:1a01::/64"

# What a distribution's script does with a lease, and what it was: dhclient's and udhcpc's variables, respectively.
LEASE_SCRIPT = """\
#!/bin/sh
echo ${reason:-$1} >&2
env | grep -E '^(new_|ip=|subnet=|router=|dns=|mtu=|lease=|serverid=|hostname=|domain=|ntpsrv=|broadcast=)' >&2
case ${reason:-$1} in
  BOUND|REBOOT|bound)
    ip link set dev eth0 mtu ${new_interface_mtu:-$mtu}
    ip address replace ${new_ip_address:-$ip}/24 dev eth0
    ip route replace default via ${new_routers:-$router} ;;
  BOUND6) ip -6 address replace $new_ip6_address/128 dev eth0 nodad ;;
esac
exit 0
"""
OTHERS_LEASE = """\
lease {
  interface "eth0";
  fixed-address 10.0.0.77;
  renew 6 2037/01/01 00:00:00;
  rebind 6 2037/01/01 00:00:00;
  expire 6 2037/01/01 00:00:00;
}
"""
DHCLIENT_CONF = """\
timeout 20;
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, host-name, interface-mtu, ntp-servers,
  dhcp6.name-servers, dhcp6.domain-search;
"""


def forget_addresses(weft):
    weft.inside("a", "sh", "-c", "ip -4 address flush dev eth0; ip -6 address flush dev eth0 scope global; "
                "ip route flush dev eth0; ip link set dev eth0 mtu 1500")


def reaches_b(weft, what):
    check("mtu 9001" in weft.inside("a", "ip", "link", "show", "eth0"), f"the MTU that {what} gave")
    equal(weft.inside("a", "ip", "-o", "-4", "address", "show", "dev", "eth0").split()[3], "10.0.0.10/24", f"by {what}")
    weft.inside("a", "ping", "-c1", "-W5", "-M", "do", "-s", 8973, "10.0.0.11")


def dhclient(weft, *options, lease=""):
    """In the foreground until it has a lease; -1 ends it when it gets none."""
    directory = weft.directory
    (directory / "leases").write_text(lease)
    log = directory / "dhclient.log"
    command = [program("dhclient"), "-1", "-d", "-v", *options, "-sf", directory / "lease.sh", "-lf", directory / "leases", "-cf",
               directory / "dhclient.conf", "-pf", directory / "dhclient.pid", "eth0"]
    # It renews by itself for ever: who has got the lease ends it.
    log.write_text("")
    weft.inside("a", "sh", "-c", '"$@" >"$0" 2>&1 & until grep -qE "^(bound to|PRC: Bound|No .*leases)" "$0" || ! kill -0 $!; '
                "do sleep 0.05; done; sleep 0.2; kill $!; wait $!; echo \"ended by $?\" >> \"$0\"", log, *command)
    return log.read_text()


def leases(weft):
    directory = weft.directory
    for name, text in (("lease.sh", LEASE_SCRIPT), ("dhclient.conf", DHCLIENT_CONF)):
        (directory / name).write_text(text)
    (directory / "lease.sh").chmod(0o755)
    tail = ("new_interface_mtu=9001", "new_routers=10.0.0.1", "new_dhcp_server_identifier=10.0.0.1", "new_subnet_mask=255.255.255.0",
            "new_domain_name_servers=10.0.0.2", "new_dhcp_lease_time=3600", "new_host_name=ip-10-0-0-10",
            "new_domain_name=ec2.internal", "new_broadcast_address=10.0.0.255", "new_ntp_servers=169.254.169.123")

    forget_addresses(weft)
    says("dhclient -4", dhclient(weft, "-4"), "DHCPACK of 10.0.0.10 from 10.0.0.1", *tail)
    reaches_b(weft, "dhclient")
    forget_addresses(weft)
    says("dhclient -4 with another's address: refused, and given its own", dhclient(weft, "-4", lease=OTHERS_LEASE), "DHCPNAK",
         "DHCPACK of 10.0.0.10 from 10.0.0.1", *tail)
    reaches_b(weft, "dhclient")

    forget_addresses(weft)
    wanted = [word for each in ("mtu", "ntpsrv", "hostname", "domain", "lease", "broadcast") for word in ("-O", each)]
    # An answer that came before its deadline is there after it too; nine tries are a busy machine's patience.
    udhcpc = [program("udhcpc"), "-i", "eth0", "-n", "-q", "-f", "-t", "9", "-T", "1", "-s", directory / "lease.sh", *wanted]
    options = ("ip=10.0.0.10", "subnet=255.255.255.0", "router=10.0.0.1", "serverid=10.0.0.1", "dns=10.0.0.2", "mtu=9001", "lease=3600",
               "broadcast=10.0.0.255", "hostname=ip-10-0-0-10", "domain=ec2.internal", "ntpsrv=169.254.169.123")
    says("udhcpc", weft.inside("a", *udhcpc) + weft.stderr, *options)
    reaches_b(weft, "udhcpc")
    says("udhcpc that wants another's address, answered by broadcast", weft.inside("a", *udhcpc, "-r", "10.0.0.99", "-B") + weft.stderr,
         *options)

    says("dhclient -6", dhclient(weft, "-6"), f"new_ip6_address={A6}", "new_dhcp6_name_servers=fd00:ec2::253",
         "new_dhcp6_domain_search=ec2.internal", "new_max_life=450")
    says("dhclient -6 -P", dhclient(weft, "-6", "-P"), r"new_ip6_prefix=2001:db8:1234:1a01:d::/80")


def routers_and_neighbours(weft):
    """As a guest that was not configured: by advertisement (docs/instances.md says how)."""
    weft.inside("a", "sh", "-c", "ip -6 route flush dev eth0 proto static; cd /proc/sys/net/ipv6/conf/eth0; echo 2 > accept_ra; "
                "echo 3 > router_solicitations; echo 0 > router_solicitation_delay; ip link set dev eth0 down; ip link set dev eth0 up")
    deadline = time.monotonic() + 20
    while "proto ra" not in (routes := weft.inside("a", "ip", "-6", "route")) and time.monotonic() < deadline:
        time.sleep(0.1)
    says("the kernel's routes", routes, r"default via fe80::400:aff:fe00:1 dev eth0 proto ra", rf"{SUBNET6} dev eth0 proto (ra|kernel)")
    says("the link-local address, for whose probe nobody answered", weft.inside("a", "ip", "-6", "address", "show", "dev", "eth0"),
         r"inet6 fe80::\S+/64 scope link\s*$")
    says("rdisc6", weft.inside("a", program("rdisc6"), "-1", "-w", 5000, "eth0"), r"Stateful address conf\. *: *Yes",
         r"Stateful other conf\. *: *Yes", SUBNET6, r"Autonomous address conf\.: *No", r"MTU *: *9001", r"06:00:0A:00:00:01")
    weft.inside("a", "sh", "-c", f"ip -6 address replace {A6}/128 dev eth0 nodad; ip route replace default via 10.0.0.1")
    mac = next(one for one in weft.interfaces() if one["instance"] == "b")["mac"]
    says("ndisc6 of a neighbour", weft.inside("a", program("ndisc6"), "-1", "-w", 5000, B6, "eth0"), mac.upper())
    weft.inside("a", program("ndisc6"), "-1", "-r", 1, "-w", 300, "2001:db8:1234:1a01::99", "eth0", ok=(1, 2))
    for router, size in (("fe80:ec2::1%eth0", 56), ("fe80::400:aff:fe00:1%eth0", 8000)):
        says("the router", weft.inside("a", "ping", "-6", "-c1", "-W5", "-s", size, router), "1 received")


def resolver(weft):
    instance = next(one for one in weft.ask("ps") if one["name"] == "b")
    public = instance["interfaces"][0]["public_ip"]

    def dig(what, words, *wanted, ok=(0,)):
        says(f"dig: {what}", weft.inside("a", program("dig"), "+time=9", "+tries=1", *words.split(), ok=ok) + weft.stderr, *wanted)

    own = r"\s+60\s+IN\s+"
    dig("a name", "@10.0.0.2 b.ec2.internal", rf"^b\.ec2\.internal\.{own}A\s+10\.0\.0\.11", "flags: qr aa rd ra;")
    dig("an id, over IPv6", f"@fd00:ec2::253 {instance['id']}.ec2.internal AAAA", rf"{own}AAAA\s+{B6}")
    dig("case does not matter, and is kept", "@169.254.169.253 IP-10-0-0-11.Ec2.Internal",
        rf"^IP-10-0-0-11\.Ec2\.Internal\.{own}A\s+10\.0\.0\.11")
    dig("PTR", "@10.0.0.2 -x 10.0.0.11", rf"{own}PTR\s+ip-10-0-0-11\.ec2\.internal\.")
    dig("PTR of IPv6", f"@10.0.0.2 -x {B6}", rf"{own}PTR\s+{instance['id']}\.ec2\.internal\.")
    dig("nobody", "@10.0.0.2 nobody.ec2.internal", "NXDOMAIN", r"ec2\.internal\.\s+60\s+IN\s+SOA")
    dig("the world outside", "@10.0.0.2 www.debian.org", "REFUSED")
    dig("version.bind", "@10.0.0.2 version.bind CH TXT", "REFUSED")
    dig("ANY", "@10.0.0.2 a.ec2.internal ANY +notcp", "ANSWER: 1,")
    dig("no EDNS", "@10.0.0.2 b +noedns", rf"^b\.{own}A\s+10\.0\.0\.11")
    dig("EDNS version 1", "@10.0.0.2 a +edns=1 +noednsnegotiation", "BADVERS")
    dig("DNSSEC flag and options", "@10.0.0.2 b +dnssec +nsid +cookie +subnet=10.0.0.0/8", "flags: do; udp: 4096", r"A\s+10\.0\.0\.11")
    dig("over TCP", "@10.0.0.2 b +tcp", r"A\s+10\.0\.0\.11", r"\(TCP\)")
    dig("over TCP and IPv6, two on one connection", "+tcp +keepopen @fd00:ec2::253 a.ec2.internal @fd00:ec2::253 b", r"A\s+10\.0\.0\.10",
        r"A\s+10\.0\.0\.11")
    dig("AXFR", "@10.0.0.2 ec2.internal AXFR", "Transfer failed", ok=(0, 9))
    dig("a public name is the private address inside", f"+short @10.0.0.2 ec2-{public.replace('.', '-')}.compute-1.amazonaws.com",
        r"^10\.0\.0\.11$")


def scenario(weft):
    weft.up(TOPOLOGY.replace("GROUP", "ping"))
    # Nothing that follows may be the work of what the instance was configured with when it was made.
    before = weft.counters()
    leases(weft)
    weft.up(TOPOLOGY.replace("GROUP", "closed"))  # these services ask no group (facts ec2 2.5)
    routers_and_neighbours(weft)
    resolver(weft)
    for server in ("169.254.169.123", "fd00:ec2::123"):
        said = weft.inside("a", program("ntpdig"), "-t", "9", server) + weft.stderr
        says(f"ntpdig {server}", said, r" [+-]\d+\.\d+ \+/- \d", "s3 no-leap")
        offset = float(re.search(r" ([+-]\d+\.\d+) \+/-", said)[1])
        check(abs(offset) < 5, f"one machine's clock: {said}")
    no_drops(weft, before, but=("neighbour-unanswered",))


main(scenario, TOPOLOGY)

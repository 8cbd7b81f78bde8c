#!/usr/bin/env python3
"""Real client programs against the services alone: udhcpc, dhclient (both families), rdisc6, ndisc6, dig over UDP and TCP,
ntpdig and the kernel's own router and neighbour discovery. They run in a network namespace of their own, whose eth0 is a
TAP with services_responder behind it. A client that is not installed is left out, and said so.

clients.py RESPONDER [--record DIRECTORY]
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

MAC = "0a:00:0a:00:01:04"  # world.hpp
INSIDE = "WEFT_SERVICES_INSIDE"
failures = []
left_out = []


def run(*command, timeout=20, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **kwargs)
    return done.returncode, done.stdout + done.stderr


def expect(what, text, *wanted):
    missing = [w for w in wanted if not re.search(w, text, re.M)]
    print(("ok      " if not missing else "FAILED  ") + what)
    if missing:
        failures.append(what)
        print(f"  missing {missing} in:\n    " + text.replace("\n", "\n    "))


def installed(program):
    path = shutil.which(program, path=os.environ["PATH"] + ":/sbin:/usr/sbin")
    if path is None:
        left_out.append(program)
    return path


def udhcpc(scratch):
    if not (program := installed("udhcpc")):
        return
    script = scratch / "udhcpc.sh"
    script.write_text('#!/bin/sh\n[ "$1" = bound ] && env\nexit 0\n')
    script.chmod(0o755)
    options = ["-O", "mtu", "-O", "ntpsrv", "-O", "hostname", "-O", "domain", "-O", "lease", "-O", "broadcast"]
    _, said = run(program, "-i", "eth0", "-n", "-q", "-f", "-t", "2", "-T", "1", "-s", str(script), *options)
    expect("udhcpc gets the primary address and EC2's options", said, "ip=10.0.1.4", "subnet=255.255.255.0",
           "router=10.0.1.1", "serverid=10.0.1.1", "dns=10.0.0.2", "mtu=9001", "lease=3600", "broadcast=10.0.1.255",
           "hostname=ip-10-0-1-4", "domain=ec2.internal", "ntpsrv=169.254.169.123")
    _, said = run(program, "-i", "eth0", "-n", "-q", "-f", "-t", "2", "-T", "1", "-s", str(script), "-r", "10.0.1.99", "-B")
    expect("udhcpc asks for another address, with the broadcast flag, and gets its own", said, "ip=10.0.1.4")


def dhclient(scratch, family, lease_text=""):
    """It stays in the foreground, and is ended when it has said what it got."""
    script, leases, config, log = (scratch / name for name in ("dhclient.sh", "leases", "dhclient.conf", "dhclient.log"))
    script.write_text("#!/bin/sh\nenv | grep -E '^(reason|new_)'\nexit 0\n")
    script.chmod(0o755)
    leases.write_text(lease_text)
    config.write_text("timeout 10;\nrequest subnet-mask, broadcast-address, routers, domain-name, domain-name-servers,"
                      " host-name, interface-mtu, ntp-servers, dhcp6.name-servers, dhcp6.domain-search;\n")
    with open(log, "w") as output:
        process = subprocess.Popen(
            [installed("dhclient"), family, "-1", "-d", "-v", "-sf", str(script), "-lf", str(leases), "-cf", str(config),
             "-pf", str(scratch / "dhclient.pid"), "eth0"], stdout=output, stderr=subprocess.STDOUT)
        end = time.monotonic() + 25
        while time.monotonic() < end and process.poll() is None and not re.search("new_(ip|max_life)", log.read_text()):
            time.sleep(0.05)
        time.sleep(0.5)
        process.terminate()
        process.wait(10)
    return log.read_text()


def main_inside(responder, record):
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="weft-services-"))
    arguments = [responder, "eth0"] + ([record] if record else [])
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        if server.stdout.readline().strip() != "ready":
            sys.exit("the responder has no TAP")
        checks(scratch)
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(scratch)
    if left_out:
        print("not installed, run tools/setup.sh: " + " ".join(sorted(set(left_out))))
    sys.exit(1 if failures or left_out else 0)


def sysctl(path, value):
    try:
        pathlib.Path("/proc/sys/net/" + path).write_text(value)
    except OSError:
        pass  # a kernel without IPv6; the checks will say so


def checks(scratch):
    sysctl("ipv6/conf/eth0/accept_ra", "2")
    sysctl("ipv6/conf/eth0/router_solicitation_delay", "0")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "set", "eth0", "address", MAC)
    run("ip", "link", "set", "eth0", "mtu", "9001", "up")
    time.sleep(2.5)  # duplicate address detection, and the router's answer to the kernel's solicitation

    _, said = run("ip", "-6", "address", "show", "dev", "eth0")
    expect("the guest keeps its link-local: nobody answers its probe", said, "fe80::800:aff:fe00:104/64 scope link $")
    _, said = run("ip", "-6", "route")
    expect("the kernel has its default route from the advertisement", said,
           r"default via fe80::400:aff:fe00:101 dev eth0 proto ra", r"2001:db8:1:100::/64 dev eth0 proto (ra|kernel)")
    if program := installed("rdisc6"):
        _, said = run(program, "-1", "-w", "2000", "eth0")
        expect("rdisc6 reads the advertisement", said, r"Stateful address conf\. *: *Yes", r"Stateful other conf\. *: *Yes",
               r"2001:db8:1:100::/64", r"Autonomous address conf\.: *No", r"MTU *: *9001", r"06:00:0A:00:01:01")
    udhcpc(scratch)
    if installed("dhclient"):
        said = dhclient(scratch, "-4")
        expect("dhclient -4", said, "DHCPACK of 10.0.1.4 from 10.0.1.1", "new_interface_mtu=9001", "new_routers=10.0.1.1",
               "new_domain_name_servers=10.0.0.2", "new_dhcp_lease_time=3600", "new_host_name=ip-10-0-1-4")
        said = dhclient(scratch, "-4", 'lease {\n interface "eth0";\n fixed-address 10.0.1.77;\n renew 6 2037/01/01 00:00:00;\n'
                        " rebind 6 2037/01/01 00:00:00;\n expire 6 2037/01/01 00:00:00;\n}\n")
        expect("dhclient -4 comes back with another's address: refused, and given its own", said, "DHCPNAK",
               "DHCPACK of 10.0.1.4")
        said = dhclient(scratch, "-6")
        expect("dhclient -6", said, "new_ip6_address=2001:db8:1:100::4", "new_dhcp6_name_servers=fd00:ec2::253",
               "new_dhcp6_domain_search=ec2.internal", "new_max_life=450")
    run("ip", "address", "add", "10.0.1.4/24", "dev", "eth0")
    run("ip", "route", "add", "default", "via", "10.0.1.1")
    run("ip", "-6", "address", "add", "2001:db8:1:100::4/128", "dev", "eth0", "nodad")
    run("ip", "-6", "route", "replace", "default", "via", "fe80:ec2::1", "dev", "eth0", "metric", "10")
    ask_neighbours()
    ask_resolver()
    ask_time()


def ask_neighbours():
    code, said = run("ping", "-6", "-c", "1", "-W", "2", "fe80:ec2::1%eth0")
    expect("the router answers ping at fe80:ec2::1", f"{code} {said}", "^0 ", "1 received")
    code, said = run("ping", "-6", "-c", "1", "-W", "2", "-s", "8000", "fe80::400:aff:fe00:101%eth0")
    expect("and at its EUI-64, a large one", f"{code} {said}", "^0 ", "8008 bytes from")
    if program := installed("ndisc6"):
        _, said = run(program, "-1", "-w", "2000", "2001:db8:1:100::5", "eth0")
        expect("ndisc6 finds a neighbour", said, "0A:00:0A:00:01:05")
        code, said = run(program, "-1", "-r", "1", "-w", "500", "2001:db8:1:100::99", "eth0")
        expect("and nobody where nobody is", f"{code} {said}", "^[12] ")


def ask_resolver():
    if not (program := installed("dig")):
        return

    def dig(*words):
        return run(program, "+time=2", "+tries=1", *words)[1]

    expect("dig: an instance by name", dig("@10.0.0.2", "node-1.ec2.internal"), r"node-1\.ec2\.internal\.\s+60\s+IN\s+A\s+10\.0\.1\.5",
           "flags: qr aa rd ra;")
    expect("dig: by id, IPv6, over IPv6", dig("@fd00:ec2::253", "i-0123456789abcdef1.ec2.internal", "AAAA"),
           r"IN\s+AAAA\s+2001:db8:1:100::5")
    expect("dig: case does not matter, and is kept", dig("@169.254.169.253", "IP-10-0-1-5.Ec2.Internal"),
           r"IP-10-0-1-5\.Ec2\.Internal\.\s+60\s+IN\s+A\s+10\.0\.1\.5")
    expect("dig: PTR", dig("@10.0.0.2", "-x", "10.0.1.20"), r"PTR\s+ip-10-0-1-20\.ec2\.internal\.")
    expect("dig: PTR of IPv6", dig("@10.0.0.2", "-x", "2001:db8:1:100::5"), r"PTR\s+i-0123456789abcdef1\.ec2\.internal\.")
    expect("dig: nobody", dig("@10.0.0.2", "nobody.ec2.internal"), "NXDOMAIN", r"ec2\.internal\.\s+60\s+IN\s+SOA")
    expect("dig: the world outside", dig("@10.0.0.2", "www.debian.org"), "REFUSED")
    expect("dig: version.bind", dig("@10.0.0.2", "version.bind", "CH", "TXT"), "REFUSED")
    expect("dig: ANY", dig("@10.0.0.2", "node-0.ec2.internal", "ANY", "+notcp"), "ANSWER: 1,")
    expect("dig: no EDNS", dig("@10.0.0.2", "node-0", "+noedns"), r"node-0\.\s+60\s+IN\s+A\s+10\.0\.1\.4")
    expect("dig: EDNS version 1", dig("@10.0.0.2", "node-0", "+edns=1", "+noednsnegotiation"), "BADVERS")
    expect("dig: DNSSEC flag and options", dig("@10.0.0.2", "node-0", "+dnssec", "+nsid", "+cookie", "+subnet=10.0.0.0/8"),
           "flags: do; udp: 4096", r"A\s+10\.0\.1\.4")
    expect("dig: over TCP", dig("@10.0.0.2", "node-1", "+tcp"), r"A\s+10\.0\.1\.5", r"\(TCP\)")
    expect("dig: over TCP and IPv6, two on one connection",
           dig("+tcp", "+keepopen", "@fd00:ec2::253", "node-0", "@fd00:ec2::253", "node-1"),
           r"A\s+10\.0\.1\.4", r"A\s+10\.0\.1\.5")
    expect("dig: AXFR", dig("@10.0.0.2", "ec2.internal", "AXFR"), "Transfer failed")
    _, said = run(program, "+short", "@10.0.0.2", "ec2-203-0-113-5.compute-1.amazonaws.com")
    expect("dig: a public name is the private address inside", said, r"^10\.0\.1\.5$")


def ask_time():
    if program := installed("ntpdig"):
        for server in ("169.254.169.123", "fd00:ec2::123"):
            _, said = run(program, "-t", "2", server)
            expect(f"ntpdig {server}", said, r"[+-]0\.0\d+ \+/- ", "s3 no-leap")


def main():
    responder = os.path.abspath(sys.argv[1])
    record = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
    if os.environ.get(INSIDE):
        return main_inside(responder, record)
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        print("no /dev/net/tun that may be opened")
        return sys.exit(77)
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    enter = ["unshare", *rights, "--net", "--mount"]
    if subprocess.run([*enter, "true"], capture_output=True).returncode != 0:
        print("this machine does not let us make a network namespace")
        return sys.exit(77)
    environment = dict(os.environ, **{INSIDE: "1"})
    sys.exit(subprocess.run([*enter, sys.executable, os.path.abspath(__file__), *sys.argv[1:]], env=environment).returncode)


main()

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

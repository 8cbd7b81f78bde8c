#!/usr/bin/env python3
"""A security group refuses TCP and says why; a rule opens it live; an open connection survives the rule's removal."""
from topologies import GUARDED_PAIR, PORT_80, PORT_81
from weft_counters import NOTHING, arp, dropped, exchanged
from weft_scenario import check, equal, main

SYN = 74  # Ethernet 14, IPv4 20, TCP 20, options 20


def refused(weft, port):
    with weft.step(dropped("a", "group-ingress", SYN)):
        equal(weft.guest("a", "talk", "b", port, ok=(1,)), "no answer\n", f"a connection to port {port}")
    drop = weft.ask("flows", "--drops")[0]
    equal((drop["reason"], drop["source"]["instance"], drop["destination"]["instance"],
           drop["tuple"]["destination_port"]), ("group-ingress", "a", "b", port), "the newest drop")
    return drop


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    server = [weft.start("b", "serve", port) for port in (80, 81)]
    for each in server:
        equal(each.line(), "ready", "the server")

    with weft.step(arp("a", "b") + exchanged("a", "b")):
        equal(weft.guest("a", "talk", "b", 80), "connected\n", "port 80, which has a rule")

    drop = refused(weft, 81)
    explained = weft.ask("explain", "a", "b", "tcp", 81, ok=(1,))
    equal(explained["drop_reason"], "group-ingress", "explain's reason")
    gate = explained["gates"][-1]
    check(gate["direction"] == "ingress" and not gate["allowed"] and "80" in gate["rule"],
          f"the nearest rule is the one for port 80: {gate}")
    equal(drop["explanation"], explained | {"source_eni": drop["explanation"]["source_eni"]}, "what the drop explains")
    check("80" in "".join(explained["text"]), f"in words too: {explained['text']}")

    # The rule, added live.
    opened = GUARDED_PAIR.replace(PORT_80, PORT_80 + PORT_81)
    with weft.step(NOTHING):
        plan = weft.up(opened)
    check("81" in plan and "instance" not in plan.split("\n")[0], f"the plan is the rule alone:\n{plan}")
    weft.ask("explain", "a", "b", "tcp", 81)
    with weft.step(exchanged("a", "b")):
        held = weft.start("a", "talk", "b", 81)
        equal(held.line(), "connected", "port 81 with its rule")
        held.say("one")
        equal(held.line(), "one", "the echo")

    # And removed: who is connected stays, who comes anew is refused.
    with weft.step(NOTHING):
        weft.up(GUARDED_PAIR)
    with weft.step(exchanged("a", "b")):
        held.say("two")
        equal(held.line(), "two", "the open connection after the rule's removal")
    refused(weft, 81)
    with weft.step(exchanged("a", "b")):
        held.say("three")
        equal(held.line(), "three", "the open connection, still")
        equal(held.end(), 0, "its end")

    # The egress gate judges first: a group that lets nothing out.
    weft.up(GUARDED_PAIR.replace("- name: client\n", "- name: client\n    egress: []\n"))
    with weft.step(dropped("a", "group-egress", SYN)):
        weft.guest("a", "talk", "b", 80, ok=(1,))


main(scenario, GUARDED_PAIR)

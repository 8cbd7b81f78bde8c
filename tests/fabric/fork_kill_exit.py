#!/usr/bin/env python3
"""Processes that fork, die, are stopped, or leave as they are; a daemon that dies, stops, and comes back. Nobody hangs, and
everybody is told in time.

    fork_kill_exit.py --build build [NAME...]
"""
import argparse
import errno
import os
import signal
import time

from peers import Loopback, check, equal, wait_for_end

# docs/provider.md: who waits for a peer that died hears of it within two seconds; this leaves a busy machine its time.
BOUND_MS = 4000
ENOTCONN, ENETDOWN = errno.ENOTCONN, errno.ENETDOWN
LINGER_MS = 6000  # the same for FI_WEFT_LINGER_MS, a second
BIG = 8 << 20


def pair(world):
    a, b = world.peer(0), world.peer(1)
    to_b, to_a = a.insert(b), b.insert(a)
    b.post("receive", "hello", to_a, 64)
    a.post("send", "greeting", to_b, 64)
    equal(b.expect("hello"), "hello ok 64", "the first message")
    equal(a.expect("greeting"), "greeting ok 64", "the first message")
    return a, b, to_b, to_a


def gone_in_time(peer, *names):
    for name in names:
        error, provider_error, took = peer.error(name)
        equal((error, provider_error), (ENOTCONN, 5002), f"what {name} is told")
        check(took < BOUND_MS, f"{name} was told after {took} ms")
        print(f"  {name} was told after {took} ms")


def peer_is_killed(world):
    """A receipt, reads, writes, long data in both directions: each has its error; what concerns nobody stays."""
    a, b, to_b, to_a = pair(world)
    os.kill(b.pid, signal.SIGSTOP)
    a.post("dcsend", "receipt", to_b, 64)
    a.post("read", "reading", to_b, 64)
    a.post("write", "writing", to_b, 64)
    a.post("send", "long", to_b, BIG)
    a.post("write", "long-write", to_b, BIG)
    a.post("receive", "from-b", to_b, 64)
    a.post("receive", "from-any", "any", 64)
    b.kill()
    gone_in_time(a, "receipt", "reading", "writing", "long", "long-write")
    time.sleep(0.2)
    a.read(0.1)
    equal(a.lines, [], "a receive is no promise of the peer: another process may come to its address")
    c = world.peer(1)
    to_a_from_c = c.insert(a)
    c.post("send", "again", to_a_from_c, 64)
    equal(a.expect("from-any"), "from-any ok 64", "a receive from anybody")


def sender_is_killed_amid_a_message(world):
    a, b, to_b, to_a = pair(world)
    b.post("receive", "half", to_a, BIG)
    os.kill(b.pid, signal.SIGSTOP)
    a.post("send", "long", to_b, BIG)
    time.sleep(0.2)
    os.kill(b.pid, signal.SIGCONT)
    deadline = time.monotonic() + 2
    a.kill()
    check(time.monotonic() < deadline, "the kill was late")
    words = b.expect("half").split()
    if words[1] == "error":  # it may have come through just before
        equal(words[2], str(ENOTCONN), "what the receiver of half a message is told")


def full_peer_is_killed(world):
    """A sender that used up what a stopped peer may be sent has nothing under way that would tell it of the death."""
    a, b, to_b, _ = pair(world)
    os.kill(b.pid, signal.SIGSTOP)
    count = int(a.ask(f"flood {to_b} 1000", "flooded").split()[1])
    check(count > 300, f"{count} messages are more than there are buffers")
    time.sleep(0.5)
    a.read(0.2)
    b.kill()
    lines = [a.expect("flood ") for _ in range(count)]
    failed = [line.split() for line in lines if " error " in line]
    check(failed, "all of them went to a peer that never read them")
    equal({words[2] for words in failed}, {str(ENOTCONN)}, "what the others are told")


def fork_keeps_nothing_alive(world):
    """A child that does not exec must not hide its parent's death."""
    a, b, to_b, _ = pair(world)
    child = int(b.ask("fork", "child").split()[1])
    try:
        b.tell("fork")  # and the parent goes on
        other = int(b.expect("child").split()[1])
        os.kill(other, signal.SIGKILL)
        b.post("receive", "after", 0, 64)
        a.post("dcsend", "to-parent", to_b, 64)
        equal(a.expect("to-parent"), "to-parent ok 64", "a parent with children")
        open_files = os.listdir(f"/proc/{child}/fd")
        names = [os.readlink(f"/proc/{child}/fd/{fd}") for fd in open_files]
        check(not any("weft-efa" in name for name in names), f"the child has the memory: {names}")
        a.post("dcsend", "receipt", to_b, 64)
        b.kill()
        os.kill(child, 0)  # still there
        gone_in_time(a, "receipt")
    finally:
        os.kill(child, signal.SIGKILL)


def child_gets_errors_and_ends(world):
    a, b, to_b, to_a = pair(world)
    for _ in range(3):
        equal(a.ask("forkexit", "child status"), "child status 0", "the child's calls and its end")
    b.post("receive", "after", to_a, 64)
    a.post("send", "more", to_b, 64)
    equal(b.expect("after"), "after ok 64", "the parent goes on")


def close_never_hangs(world):
    """With everything under way to a stopped peer, with a stopped daemon, with a dead one."""
    a, b, to_b, _ = pair(world)
    os.kill(b.pid, signal.SIGSTOP)
    for verb in ("dcsend", "read", "write", "send"):
        a.post(verb, verb, to_b, BIG)
    closed = int(a.ask("close", "closed").split()[1])
    check(closed < LINGER_MS, f"fi_close took {closed} ms with a stopped peer")
    os.kill(b.pid, signal.SIGCONT)
    c = world.peer(0)
    to_b = c.insert(b)
    os.kill(world.daemon.pid, signal.SIGSTOP)
    c.post("send", "stuck", to_b, BIG)
    closed = int(c.ask("close", "closed").split()[1])
    check(closed < LINGER_MS, f"fi_close took {closed} ms with a stopped daemon")
    os.kill(world.daemon.pid, signal.SIGCONT)
    d = world.peer(0)
    to_b = d.insert(b)
    world.kill_daemon()
    d.tell(f"send late {to_b} {BIG}")
    closed = int(d.ask("close", "closed").split()[1])
    check(closed < 800, f"fi_close took {closed} ms with a dead daemon: there is nothing to wait for")


def exit_without_close(world):
    a, b, to_b, to_a = pair(world)
    a.tell("exit")
    equal(wait_for_end(a.process, 5, "a process with nothing under way"), 0, "its exit code")
    a = world.peer(0)
    to_b = a.insert(b)
    a.post("send", "last-word", to_b, 1000)
    a.tell("exit")
    equal(wait_for_end(a.process, 6, "a process that just sent"), 0, "its exit code")
    b.post("receive", "heard", "any", 1000)
    equal(b.expect("heard"), "heard ok 1000", "what was sent before the end")
    a = world.peer(0)
    to_b = a.insert(b)
    os.kill(b.pid, signal.SIGSTOP)
    for _ in range(8):
        a.tell("open 0")  # more endpoints in one process: they share the time
        a.expect("address")
        a.post("send", "stuck", to_b, BIG)
    began = time.monotonic()
    a.tell("exit")
    equal(wait_for_end(a.process, 15, "a process with messages to a stopped peer"), 0, "its exit code")
    print(f"  it ended after {time.monotonic() - began:.1f} s")
    check(time.monotonic() - began < LINGER_MS / 1000, "endpoints linger together, not one after the other")
    os.kill(b.pid, signal.SIGCONT)
    a = world.peer(0)
    to_b = a.insert(b)
    os.kill(world.daemon.pid, signal.SIGSTOP)
    a.post("send", "stuck", to_b, BIG)
    a.tell("exit")
    equal(wait_for_end(a.process, 6, "a process with a stopped daemon"), 0, "its exit code")
    os.kill(world.daemon.pid, signal.SIGCONT)


def daemon_comes_back(world):
    """Everything under way is told; the endpoint says it is over; a new one on the same domain, vector and memory works."""
    a, b, to_b, to_a = pair(world)
    idle = world.peer(0)  # with nothing under way it is told by its event queue and counter
    a.post("receive", "posted", to_b, 64)
    a.post("send", "long", to_b, BIG)
    world.kill_daemon()
    for name in ("posted", "long"):
        error, provider_error, took = a.error(name)
        equal((error, provider_error), (ENETDOWN, 5001), f"what {name} is told")
    for peer in (a, b, idle):
        equal(peer.expect("event error"), f"event error {ENETDOWN} 5001 of the endpoint", "the event queue")
        equal(peer.expect("counter errors"), "counter errors 1", "the counter of remote writes")
    equal(a.ask(f"send no {to_b} 64", "no "), "no refused Network is down", "a send without a daemon")

    world.start_daemon()
    equal(a.ask(f"send no {to_b} 64", "no "), "no refused Network is down", "the old endpoint stays as it is")
    for peer in (a, b):
        peer.reopen()
    b.post("receive", "fresh", to_a, 64)
    a.post("dcsend", "hello-again", to_b, 64)
    equal(b.expect("fresh"), "fresh ok 64", "a message after the restart")
    equal(a.expect("hello-again"), "hello-again ok 64", "its receipt")
    a.post("write", "old-region", to_b, 1 << 20)
    equal(a.expect("old-region"), "old-region ok 1048576", "memory that was registered before")


TESTS = [peer_is_killed, sender_is_killed_amid_a_message, full_peer_is_killed, fork_keeps_nothing_alive,
         child_gets_errors_and_ends, close_never_hangs, exit_without_close, daemon_comes_back]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("names", nargs="*", help="only these tests")
    arguments = parser.parse_args()
    for test in TESTS:
        if arguments.names and test.__name__ not in arguments.names:
            continue
        began = time.monotonic()
        print(test.__name__, flush=True)
        with Loopback(arguments.build) as world:
            test(world)
        print(f"  passed in {time.monotonic() - began:.1f} s", flush=True)


main()

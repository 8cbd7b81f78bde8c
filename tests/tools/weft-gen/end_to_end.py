#!/usr/bin/env python3
"""weft-gen itself on devices that need no card: a ring that gives back what it gets, the engine, a pair of memif.

end_to_end.py WEFT_GEN SCRATCH. Rates are far below what two busy cores manage; what is asserted is that frames are
accounted for and loss is seen, never how fast anything is. Rings are longer than trials, so that nothing is lost where a thread
has to wait for a CPU.
"""
import csv
import html.parser
import json
import os
import pathlib
import struct
import subprocess
import sys
import unittest

PROGRAM, SCRATCH = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
SHORT = ["--trial-seconds", "0.05", "--search-seconds", "0.02", "--drain", "0.1", "--precision", "0.1", "--repeats", "1", "--no-huge"]


def generate(*arguments, expect=0):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=100)
    if done.returncode != expect:
        raise AssertionError(f"weft-gen {' '.join(arguments)}: exit {done.returncode}, not {expect}\n{done.stdout}{done.stderr}")
    return done


def measure(*arguments):
    return json.loads(generate(*arguments, "--no-huge", "-o", "json").stdout)


def direction(report, number=0):
    return report["sizes"][0]["run"]["directions"][number]


class Run(unittest.TestCase):
    def test_ring_gives_back_every_frame_once_and_in_order(self):
        for more in [], ["--tcp"], ["--ipv6", "--size", "512"], ["--size", "imix"], ["--size", "9018"]:
            one = direction(measure("run", "--port", "net_ring0", "--rate", "20kpps", "--trial-seconds", "0.2", "--flows", "100", *more))
            self.assertGreater(one["sent"], 0)
            self.assertEqual([one[k] for k in ("lost", "duplicates", "reordered", "foreign", "late")], [0] * 5, more)
            self.assertEqual(one["sent"] + one["not_sent"], 4000)
            self.assertEqual(one["sent_bytes"], one["received_bytes"])
            self.assertEqual(one["latency"]["frames"], one["received"])
            self.assertGreater(one["latency"]["min_us"], 0)

    def test_engine_passes_both_directions(self):
        report = measure("run", "--engine", "--ring", "8192", "--both", "--rate", "20kpps", "--trial-seconds", "0.2", "--flows", "300")
        for number in 0, 1:
            one = direction(report, number)
            self.assertGreater(one["sent"], 0)
            self.assertEqual(one["lost"] + one["duplicates"] + one["reordered"] + one["foreign"], 0)
            self.assertEqual(one["streams"], 256)
        six = direction(measure("run", "--engine", "--ring", "8192", "--ipv6", "--size", "128", "--rate", "10kpps", "--trial-seconds", "0.1"))
        self.assertGreater(six["received"], 0)
        self.assertEqual(six["lost"], 0)

    def test_engine_whose_group_refuses_loses_all(self):
        report = measure("run", "--engine", "--engine-refuse", "--rate", "10kpps", "--trial-seconds", "0.1", "--drain", "0.1")
        one = direction(report)
        self.assertGreater(one["sent"], 0)
        self.assertEqual(one["received"], 0)
        self.assertEqual(one["streams_with_loss"], 1)
        self.assertIn(f"{one['sent']}", " ".join(report["notes"]), "the engine says how many it dropped, and why")

    def test_engine_with_an_allowance_loses_what_is_beyond_it(self):
        report = measure("run", "--engine", "--engine-pps", "200", "--rate", "40kpps", "--trial-seconds", "0.5", "--drain", "0.1")
        ratio = report["sizes"][0]["run"]["loss_ratio"]
        self.assertGreater(ratio, 0.05)
        self.assertLess(ratio, 1)

    def test_null_device_eats_everything(self):
        one = direction(measure("run", "--port", "net_null0,no-rx=1", "--rate", "10kpps", "--trial-seconds", "0.1", "--drain", "0.1"))
        self.assertEqual(one["lost"], one["sent"])

    def test_a_sender_that_cannot_is_not_the_devices_loss(self):
        report = measure("run", "--port", "net_ring0", "--rate", "500mpps", "--trial-seconds", "0.1")
        run = report["sizes"][0]["run"]
        self.assertTrue(run["sender_limited"])
        self.assertEqual(run["lost"], 0)
        self.assertGreater(run["directions"][0]["not_sent"], 0)

    def test_memif_pair_joins_two_ports(self):
        socket = SCRATCH / "memif.sock"
        socket.unlink(missing_ok=True)
        report = measure("run", "--both", "--rate", "10kpps", "--trial-seconds", "0.2", "--line-rate", "10g",
                         "--port", f"net_memif0,role=server,socket={socket},socket-abstract=no",
                         "--port", f"net_memif1,role=client,socket={socket},socket-abstract=no")
        for number in 0, 1:
            self.assertGreater(direction(report, number)["received"], 0)
            self.assertEqual(direction(report, number)["lost"], 0)

    def test_veth_pair_joins_two_ports_of_af_packet(self):
        if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1"],
                                               capture_output=True).returncode != 0:
            self.skipTest("needs root and a network namespace of its own")
        inside = 'ip link add wire0 type veth peer name wire1 && ip link set wire0 up && ip link set wire1 up && exec "$@"'
        done = subprocess.run(["unshare", "-n", "sh", "-c", inside, "sh", PROGRAM, "run", "--port", "net_af_packet0,iface=wire0",
                               "--port", "net_af_packet1,iface=wire1", "--rate", "1kpps", "--trial-seconds", "0.2", "--no-huge", "-o", "json"],
                              capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        one = direction(json.loads(done.stdout))
        self.assertGreater(one["received"], 0)
        self.assertEqual(one["lost"] + one["duplicates"], 0)

    def test_capture_is_sent_at_its_own_pace(self):
        path = SCRATCH / "three.pcap"
        frames = [bytes(12) + b"\x88\xb5" + bytes(46 + 100 * i) for i in range(3)]
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for i, frame in enumerate(frames):
                file.write(struct.pack("<IIII", 5, 50000 * i, len(frame), len(frame)) + frame)
        report = measure("run", "--port", "net_ring0", "--pcap", str(path), "--speed", "2", "--loops", "4")
        run, one = report["sizes"][0]["run"], direction(report)
        self.assertEqual((one["sent"], one["received"], one["lost"]), (12, 12, 0))
        self.assertEqual(one["received_bytes"], 4 * sum(len(f) + 4 for f in frames))
        self.assertGreater(run["seconds"], 0.274)  # 11 distances of 25 ms


class Methods(unittest.TestCase):
    def test_rfc2544_short_over_all_its_sizes(self):
        page, table = SCRATCH / "report.html", SCRATCH / "report.csv"
        report = measure("rfc2544", "--port", "net_ring0", "--max-rate", "50kpps", *SHORT, "--report", str(page), "--csv", str(table))
        self.assertEqual([size["size"] for size in report["sizes"]], ["64", "128", "256", "512", "1024", "1280", "1518"])
        for size in report["sizes"]:
            self.assertGreater(size["searches"][0]["lower_pps"], 0)
            self.assertEqual(size["loss"][0]["lost"], 0)
            self.assertGreater(len(size["latency"]), 0)
            self.assertTrue(size["back_to_back"]["whole"])
        text = page.read_text()
        html.parser.HTMLParser().feed(text)
        self.assertIn("<svg", text)
        self.assertIn("The machine", text)
        with open(table) as file:
            methods = {row["method"] for row in csv.DictReader(file)}
        self.assertEqual(methods, {"throughput", "latency", "loss", "back-to-back"})

    def test_search_against_the_engine_encloses_a_rate(self):
        report = measure("search", "--engine", "--ring", "8192", "--max-rate", "100kpps", *SHORT)
        ndr, pdr = report["sizes"][0]["searches"]
        self.assertEqual((ndr["acceptable_loss"], pdr["acceptable_loss"]), (0, 0.005))
        for goal in ndr, pdr:
            self.assertGreater(goal["lower_pps"], 0)
            self.assertLessEqual(goal["lower_pps"], goal["upper_pps"])

    def test_search_finds_that_nothing_passes(self):
        report = measure("throughput", "--engine", "--engine-refuse", "--max-rate", "50kpps", "--trial-seconds", "0.02", "--drain", "0.01")
        self.assertEqual(report["sizes"][0]["searches"][0]["lower_pps"], 0)


class Usage(unittest.TestCase):
    def test_mistakes_are_named(self):
        for arguments, says in [
            ([], "subcommand"), (["run"], "--port once or twice, or --engine"), (["run", "--port", "eth0"], "is no device"),
            (["run", "--engine", "--port", "net_ring0"], "--port once or twice, or --engine"), (["run", "--port", "net_ring0", "--both"], "single port"),
            (["run", "--engine", "--size", "63"], "63 is out of range"), (["run", "--engine", "--rate", "5"], "is no rate"),
            (["run", "--engine", "--tcp", "--size", "64", "--no-huge"], "no room for TCP over IPv4"), (["search", "--engine", "--acceptable-loss", "2"], "is no share"),
            (["run", "--engine", "--flows", "70000", "--no-huge"], "only 64512"), (["loss", "--engine", "--pcap", "x"], "for `weft-gen run`"),
            (["run", "--port", "net_ring0", "--source", "2001:db8::1"], "wants --ipv6"), (["run", "--engine", "--nonsense"], "nonsense"),
            (["run", "--port", "net_ring0", "--pcap", "/nowhere.pcap", "--no-huge"], "libpcap cannot read it"),
        ]:
            self.assertIn(says, generate(*arguments, expect=2).stderr, arguments)
        self.assertIn("DPDK", generate("run", "--port", "net_af_packet0,iface=nowhere0", "--no-huge", expect=1).stderr)
        self.assertIn("cannot write", generate("run", "--engine", "--csv", "/nowhere/x.csv", expect=1).stderr)

    def test_help_has_examples(self):
        for arguments in ["--help"], ["search", "--help"]:
            self.assertIn("Examples:", generate(*arguments).stdout)
        self.assertRegex(generate("--version").stdout, r"weft-gen \d")


if __name__ == "__main__":
    SCRATCH.mkdir(parents=True, exist_ok=True)
    os.environ.pop("COLUMNS", None)
    unittest.main(verbosity=2)

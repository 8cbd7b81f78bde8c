#!/usr/bin/env python3
"""tools/wireshark/weft_srd.lua says of packets made by the project's own structs what they say, all of it and nothing else; of
those that are too short, cut by the capture or unknown, that they are; and survives rubbish."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "tools/wireshark/weft_srd.lua"
QUEUES = {"weft_srd.source_qp": [1], "weft_srd.destination_qp": [2], "weft_srd.destination_key": [0xfedcba98]}
WORDS = ("malformed", "unknown", "cut_short")


def tshark(*arguments):
    done = subprocess.run(["tshark", *arguments, "-X", f"lua_script:{SCRIPT}"], capture_output=True, text=True)
    if done.returncode != 0 or "Lua" in done.stderr:
        sys.exit(f"tshark {' '.join(map(str, arguments))[:200]}: {done.returncode}\n{done.stderr}")
    return done.stdout


def field_names():
    """All that the script registers, so that a field that nobody expects is seen."""
    rows = [line.split("\t") for line in tshark("-G", "fields").splitlines()]
    names = [row[2] for row in rows if row[0] == "F" and row[2].startswith(("weft_srd.", "weft_rdm."))]
    return [name for name in names if name.split(".")[-1] not in WORDS]


def value_of(text, like):
    if isinstance(like, str):
        return text.replace(":", "")
    return {"True": 1, "False": 0}.get(text) if text in ("True", "False") else int(text, 0)


def compare(expected, got, name):
    """`got`: by field, tshark's text."""
    for field, text in got.items():
        wanted = expected.get(field, [])
        if not text:
            values = []
        elif not wanted:
            return f"{name}: {field} is {text}, and should not be there"
        else:
            values = [value_of(one, wanted[0]) for one in text.split(",")]
        if values != [one if isinstance(one, str) else int(one) for one in wanted]:
            return f"{name}: {field} is {values}, not {wanted}"
    missing = set(expected) - set(got)
    return f"{name}: the script has no field {', '.join(sorted(missing))}" if missing else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("writer")
    writer = parser.parse_args().writer
    if shutil.which("tshark") is None:
        sys.exit("there is no tshark: tools/setup.sh installs it")
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "samples.pcapng"
        done = subprocess.run([writer, path], capture_output=True, text=True, check=True)
        expected = [json.loads(line) for line in done.stdout.splitlines()]
        names = field_names()
        shown = [f"weft_srd.{word}" for word in WORDS] + ["_ws.lua.error", "_ws.col.Info", *names]
        columns = [option for name in shown for option in ("-e", name)]
        rows = tshark("-r", path, "-T", "fields", "-E", "occurrence=a", *columns).splitlines()
        ports = tshark("-r", path, "-c", "1", "-o", "weft_srd.port:61345", "-T", "fields", "-e", "weft_srd.psn",
                       "-e", "udp.dstport").split()
    if ports != ["61344"]:
        sys.exit(f"with another port set, the packet is still taken: {ports}")
    if len(rows) != len(expected):
        sys.exit(f"{len(rows)} packets of {len(expected)}")
    kinds = set()
    for about, row in zip(expected, rows):
        said = dict(zip(shown, row.split("\t")))
        name, fault = about["name"], None
        if said["_ws.lua.error"]:
            fault = f"{name}: {said['_ws.lua.error']}"
        for word in WORDS:
            if word in about and bool(said[f"weft_srd.{word}"]) != about[word]:
                fault = f"{name}: {word} should be {about[word]}: {row}"
        if "fields" in about:
            kinds.add(name)
            fault = fault or compare(about["fields"] | QUEUES, {field: said[field] for field in names}, name)
            if any(said[f"weft_srd.{word}"] for word in WORDS):
                fault = f"{name}: {said}"
            if not said["_ws.col.Info"] or "Malformed" in said["_ws.col.Info"]:
                fault = f"{name}: info is {said['_ws.col.Info']}"
        if fault:
            sys.exit(fault)
    print(f"{len(rows)} packets, {len(kinds)} kinds, {len(names)} fields")


main()

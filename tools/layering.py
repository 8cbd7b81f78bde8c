#!/usr/bin/env python3
"""Who may include whom (DESIGN section 2). Run by each folder's build target: layering.py FOLDER STAMP."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# folder -> project folders (or single headers) it may include, besides itself. DPDK and libfabric by name.
ALLOWED = {
    "dataplane/net": [],
    "dataplane/model": ["dataplane/net", "dataplane/underlay/impairment.hpp"],
    "dataplane/policy": ["dataplane/net", "dataplane/model", "dataplane/observe/drop_reason.hpp",
                         "dataplane/observe/ena_counter.hpp"],
    "dataplane/route": ["dataplane/net", "dataplane/model", "dataplane/policy/gate.hpp",
                        "dataplane/policy/address_number.hpp"],
    "dataplane/flow": ["dataplane/net"],
    "dataplane/services": ["dataplane/net"],
    "dataplane/limit": ["dataplane/net"],
    "dataplane/underlay": ["dataplane/net"],
    "dataplane/observe": ["dataplane/net", "dataplane/model"],
    "dataplane/worker": ["dataplane", "drivers/port.hpp", "<rte_>"],
    "dataplane/control": ["dataplane"],
    # What the user declared of a port, and how opening it fails.
    "drivers": ["dataplane/net", "dataplane/model/port_backend.hpp", "dataplane/model/result.hpp", "<rte_>"],
    "instances": ["dataplane/net", "dataplane/model"],
    "fabric/srd": [],
    "fabric/device": ["fabric/srd", "drivers/efa/abi.hpp"],
    "fabric/rdm": ["fabric/srd", "fabric/device", "drivers/efa/abi.hpp"],
    "fabric/provider": ["fabric", "drivers/efa/abi.hpp", "<rdma/>"],
    "tools": ["dataplane", "drivers", "instances", "<rte_>"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def allowed(folder, bracket, name):
    rules = ALLOWED[folder] + [folder]
    if bracket == "<":
        for prefix in ("rte_", "rdma/"):
            if name.startswith(prefix):
                return f"<{prefix}>" in rules
        return True
    return any(name == r or name.startswith(r + "/") for r in rules)


def main():
    folder, stamp = sys.argv[1], sys.argv[2]
    bad = []
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix not in (".hpp", ".cpp", ".h"):
            continue
        for match in INCLUDE.finditer(path.read_text()):
            if not allowed(folder, *match.groups()):
                bad.append(f"{path.relative_to(ROOT)}: {folder}/ may not include {match.group(2)}")
    if bad:
        print("\n".join(bad), file=sys.stderr)
        return f"see ALLOWED in tools/layering.py and DESIGN section 2"
    pathlib.Path(stamp).touch()


sys.exit(main())

"""Client programs that we did not write, run inside instances; and what they say when something is off."""
import os
import re
import shutil

from weft_scenario import check

# What these programs print when they met something that they had not expected; no good run of them says any of it.
HINTS = re.compile(r"checksum|corrupt|malformed|truncated|unexpected|mismatch|garbage|short (packet|response)|bad (?!address)"
                   r"|warning|out.of.order|wrong|\bDUP!|not supported|RTTVAR|giving up", re.I)


def program(name):
    """Its path; a client that is not installed is a failure, or nobody would notice that it never ran."""
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    check(path, f"{name} is not installed: run tools/setup.sh")
    return path


def says(what, text, *wanted, but=()):
    """All of `wanted` are in what a client said, and nothing in it hints at a fault, but for what `but` matches."""
    missing = [each for each in wanted if not re.search(each, text, re.M)]
    check(not missing, f"{what}: nothing matches {missing} in:\n{text}")
    for line in text.splitlines():
        odd = HINTS.search(line) and not any(re.search(each, line) for each in but)
        check(not odd, f"{what}: a client that is at ease does not say: {line}\n{text}")


def no_drops(weft, before, but=()):
    """The engine dropped nothing of anybody since `before`, for other reasons than those named. A kernel's reports of the
    multicast groups it listens to go nowhere; none of them is an answer that got lost."""
    after = weft.counters()
    changed = {key: after[key] - before.get(key, 0) for key in after if ".drops." in key or " drops." in key}
    odd = {key: value for key, value in changed.items() if value and key.rsplit(".", 1)[1] not in (*but, "multicast")}
    check(not odd, f"drops that nobody asked for: {odd}\n" + weft.run("flows", "--drops", "--limit", 10))

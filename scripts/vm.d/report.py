# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the guest's log: has the kernel complained, and what did it say?"""

import re
import time

# What fails a run, whatever the command's exit status. One pattern a line:
# the kernel's own words for "something is wrong with me".
COMPLAINTS = re.compile("|".join((
    r"\bBUG: ",                                  # BUG_ON, KASAN, soft lockup, sleeping while atomic
    r"\bOops: ",
    r"Kernel panic - ",
    r"\bWARNING: (CPU: |possible |suspicious |inconsistent |bad |nested |at )",
    r"\b[0-9a-f]{4} \[#[0-9]+\]",                # the die() line of every trap: int3, invalid opcode …
    r"kernel BUG at",
    r"unable to handle (kernel|page fault)",
    r"\bINFO: (task .* blocked for more than|rcu\S* .*(detected|stall)|possible |trying to register )",
    r"hard LOCKUP",
    r"rcu: .*(detected stalls|self-detected stall|detected expedited stalls)",
    r"\bUBSAN: ",
    r"\bKFENCE: ",
    r"\bKCSAN: ",
    r"refcount_t: ",
    r"kmemleak: [1-9][0-9]* new suspected",
    r"unreferenced object 0x",
    r"osconcepts-vm: kmemleak: the search failed",
    r"list_(add|del) corruption",
    r"unregister_netdevice: waiting for",
)))

END = "osconcepts-vm: end"      # wire.h: WIRE_END
REPORT_LINES = 60
TAIL_LINES = 30


def lines(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return [line.rstrip("\r\n") for line in f]


def find(path):
    """None, or the first complaint and the lines around it to print."""
    log = lines(path)
    for i, line in enumerate(log):
        if not COMPLAINTS.search(line):
            continue
        start = i
        # "------------[ cut here ]------------" belongs to it.
        while start > 0 and i - start < 3 and "cut here" not in log[start]:
            start -= 1
        if "cut here" not in log[start]:
            start = i
        stop = start + 1
        while stop < len(log) and stop - start < REPORT_LINES and END not in log[stop]:
            stop += 1
            if "---[ end" in log[stop - 1]:
                break
        return re.sub(r"^\[ *[0-9.]+\](\[ *[TC][0-9]+\])? *", "", line), log[start:stop]
    return None


def tail(path):
    return lines(path)[-TAIL_LINES:]


def wait_for_end(path, seconds=3.0):
    """QEMU may write the last lines of the log a moment after the status."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with open(path, "rb") as f:
            f.seek(0, 2)
            f.seek(max(0, f.tell() - 4096))
            if END.encode() in f.read():
                return
        time.sleep(0.02)

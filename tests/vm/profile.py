#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts where the instructions of a request go, inside a guest in whose emulator
tests/bench/profile.c counts them.

Called by scripts/bench-profile; writes its rows to $OUT/rows.json. Each server is
loaded twice in the same way but for the number of requests: the difference over the
difference of the numbers is what a request takes, without the starts of anything.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "scripts")
# pylint: disable=wrong-import-position
import benchlib  # noqa: E402
import benchpeers  # noqa: E402

OUT = os.environ["OUT"]
PORT = 8090
MARK = os.path.join(benchlib.BENCH, "mark")
REQUESTS = (640, 3200)
# A connection and a process each cost as much as some keep-alive ones.
REQUESTS_ONCE = (160, 800)
# Without instructions nothing passes but time: for who is still closing and ending.
SETTLE_S = 1
KERNEL = 0xFFFF800000000000
SERVER = "server"

# As tests/bench/areas has it: of the prefixes in it, each area's.
HELPER = "helper"
AREAS = "tests/bench/areas"


def prefixes():
    area, found = None, {}
    with open(AREAS, encoding="ascii") as f:
        for line in f:
            if line.startswith("["):
                area = line.strip("[]\n")
            elif not line.startswith("#"):
                found.update({prefix: area for prefix in line.split()})
    return found


PREFIXES = prefixes()
NAMES = [HELPER, "user", *(a for a in dict.fromkeys(PREFIXES.values()) if a != HELPER), "other"]


LENGTHS = sorted({len(prefix) for prefix in PREFIXES}, reverse=True)


def area_of(name):
    name = name.lstrip("_")
    return next((PREFIXES[name[:n]] for n in LENGTHS if name[:n] in PREFIXES), "other")


def line_of(address, area, name):
    return f"{address:x} {NAMES.index(area)} {name}\n"


def kernel_symbols():
    """Of the functions, as the plugin reads them."""
    with open("/proc/kallsyms", encoding="ascii") as f:
        rows = [line.split()[:3] for line in f]
    functions = sorted((int(address, 16), name) for address, kind, name in rows if kind in "tTwW")
    return "".join(line_of(address, area_of(name), name) for address, name in functions if address >= KERNEL)


def write_whole(name, text):
    """At once: each write goes through to the host, and takes its time there."""
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as f:
        f.write(text)


def text_of(pid):
    """Where its program's instructions are."""
    program = os.readlink(f"/proc/{pid}/exe")
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        for line in f:
            span, rights, *_, path = line.split(maxsplit=5)
            if "x" in rights and path.strip() == program:
                return [int(end, 16) for end in span.split("-")]
    raise benchlib.Failed(f"{program} has no instructions in its own maps")


def write_symbols(symbols, pid):
    begin, end = text_of(pid)
    user = ((0, "user"), (begin, SERVER), (end, "user"))
    write_whole("symbols", "".join(line_of(address, "user", name) for address, name in user) + symbols)


def read_counts():
    """Of the server's tasks: those in which its program's instructions were executed."""
    areas, symbols = {}, {}
    with open(os.path.join(OUT, "counts"), encoding="ascii") as f:
        for line in f:
            kind, task, what, count = line.split()
            of = (areas if kind == "area" else symbols).setdefault(task, {})
            of[what] = of.get(what, 0) + int(count)
    ours = [task for task, of in symbols.items() if SERVER in of]
    if not ours:
        raise benchlib.Failed("no task executed the server's program")
    total = {"areas": {}, "symbols": {}, "tasks": len(ours),
             "others": sum(sum(of.values()) for task, of in areas.items() if task not in ours)}
    for task in ours:
        for what, count in areas[task].items():
            total["areas"][NAMES[int(what)]] = total["areas"].get(NAMES[int(what)], 0) + count
        for what, count in symbols[task].items():
            total["symbols"][what] = total["symbols"].get(what, 0) + count
    return total


def counted(case, requests):
    command = [benchlib.OSCONCEPTS, "load", f"http://127.0.0.1:{PORT}{case['path']}", *case["load"],
               "-n", str(requests), "--json", "--no-progress", "--timeout", "60s"]
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(OUT, "counts"))
    subprocess.run([MARK, "begin"], check=True)
    done = subprocess.run(command, check=False, capture_output=True)
    time.sleep(SETTLE_S)
    subprocess.run([MARK, "end"], check=True)
    # 4 is a verdict on times, which mean nothing here.
    if done.returncode not in (0, 4):
        raise benchlib.Failed(f"osconcepts load: status {done.returncode}: {done.stderr.decode().strip()}")
    told = json.loads(done.stdout)
    if told["errors"] or told["requests"] != requests:
        raise benchlib.Failed(f"{told['requests']} of {requests} answered, errors {told['errors']}")
    return read_counts()


def difference(more, less, requests):
    keys = sorted(set(more) | set(less), key=lambda k: -more.get(k, 0))
    return {k: (more.get(k, 0) - less.get(k, 0)) / requests for k in keys}


def profile(name, case_name, symbols):
    case = benchpeers.CASES[case_name]
    numbers = REQUESTS_ONCE if case.get("once") else REQUESTS
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        benchpeers.make_files(scratch)
        with open(os.path.join(scratch, "server.log"), "wb") as log:
            process = subprocess.Popen(benchpeers.command_of(name, case, PORT, scratch, 0), stdout=log, stderr=log,
                                       start_new_session=True)
        try:
            benchlib.wait_ready(PORT, process)
            write_symbols(symbols, process.pid)
            counted(case, numbers[0])  # caches, arenas, a group of processes that grows
            less, more = (counted(case, n) for n in numbers)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
    requests = numbers[1] - numbers[0]
    return {"program": name, "case": case_name, "requests": requests, "tasks": more["tasks"],
            "areas": difference(more["areas"], less["areas"], requests),
            "symbols": difference(more["symbols"], less["symbols"], requests),
            "others": (more["others"] - less["others"]) / requests}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="+", metavar="CASE:SERVER")
    rows = []
    symbols = kernel_symbols()
    for asked in parser.parse_args().servers:
        case, name = asked.split(":")
        print(f"profile: {case} {name}", file=sys.stderr, flush=True)
        try:
            rows.append(profile(name, case, symbols))
        except benchlib.Failed as e:
            rows.append({"program": name, "case": case, "failed": str(e)})
        write_whole("rows.json", json.dumps({"kernel": os.uname().release, "areas": NAMES[1:], "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

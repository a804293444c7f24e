#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds ever more connections to one of our servers, and tells what each costs.

Runs in a guest, where the limits are ours. At each step so many connections are
open as are asked for; requests trickle over all of them for a while, during which
the module, the server's account and the kernel's books are read. A row of JSON
for each step is appended to --rows; steps whose rows are there, of the same guest,
kernel, rate and time, are not repeated.
Both ends are in this kernel: its memory is that of a pair of sockets.
"""

import argparse
import contextlib
import json
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import time

BUILD = os.environ.get("BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build")
OSCONCEPTS = os.path.join(BUILD, "osconcepts")
HELPER = os.path.join(BUILD, "vm-tests", "helper")
PORT = 8080
# Of an address's ports, 1024 to 65535, the kernel takes every other one first: when
# these are used up, each connect() looks at all of them before it takes one of the
# others, and few a second come about.
PER_ADDRESS = 25000
DESCRIPTORS = 2200000
LIMITS = {
    "fs.nr_open": DESCRIPTORS,
    "fs.file-max": 2 * DESCRIPTORS,
    "net.core.somaxconn": 65535,
    "net.ipv4.tcp_max_syn_backlog": 65535,
    "net.ipv4.ip_local_port_range": "1024 65535",
}
# What else tells steps apart.
CONDITIONS = ("guest", "kernel", "rate", "asked_seconds")
ACCOUNT = ("accepts", "closes", "requests")
WAITS, WAIT_EVENTS = 12, 14


def say(text):
    print(text, file=sys.stderr, flush=True)


class Failed(Exception):
    pass


def read_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def set_limits():
    for name, value in LIMITS.items():
        with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def kib_of(path):
    """Lines of "Name:  N kB"."""
    fields = {}
    for line in read_text(path).splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            fields[name] = int(value.split()[0])
    return fields


class Books:
    """The server's own account."""

    def __init__(self, path):
        self.path = path

    def read(self):
        with open(self.path, "rb") as file:
            data = file.read()
        sums = [sum(struct.unpack_from("Q", data, at + 8 * field)[0] for at in range(4096, len(data), 256))
                for field in range(16)]
        return dict(zip(ACCOUNT, sums), waits=sums[WAITS], wait_events=sums[WAIT_EVENTS])


def slab_bytes():
    """Of each cache, by its name."""
    sizes = {}
    for line in read_text("/proc/slabinfo").splitlines()[2:]:
        name, _, objects, size, *_ = line.split()
        sizes[name] = int(objects) * int(size)
    return sizes


def target_counts():
    """The one target's line of /proc/osconcepts."""
    for line in read_text("/proc/osconcepts").splitlines():
        if line.startswith("target "):
            pairs = (word.partition("=") for word in line.split()[2:])
            return {name: int(value) for name, _, value in pairs if value.isdigit()}
    raise Failed("the module shows no target")


def user_bytes(pids):
    """Memory that nobody else has, and page tables, of these and their children."""
    private = tables = 0
    for pid in pids:
        rollup, status = kib_of(f"/proc/{pid}/smaps_rollup"), kib_of(f"/proc/{pid}/status")
        private += 1024 * (rollup["Private_Clean"] + rollup["Private_Dirty"])
        tables += 1024 * status["VmPTE"]
    return private, tables


def family_of(pid):
    pids = [pid]
    for of in pids:
        with contextlib.suppress(FileNotFoundError):
            for task in os.listdir(f"/proc/{of}/task"):
                pids += map(int, read_text(f"/proc/{of}/task/{task}/children").split())
    return pids


class Server:
    def __init__(self, model, log, options=("--max-connections", str(DESCRIPTORS - 1000)), account="/run/account", **how):
        """how: of subprocess.Popen."""
        self.books = Books(account)
        self.process = subprocess.Popen(
            [OSCONCEPTS, "serve", "--model", model, "--port", str(PORT), "--backlog", "65535", "--account",
             self.books.path, "--idle-timeout", "1440m", "--quiet", *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)
        self._wait()

    def _wait(self):
        for _ in range(600):
            if self.process.poll() is not None:
                raise Failed("the server has ended; see its log")
            if os.path.exists(self.books.path) and f":{PORT:04X} " in read_text("/proc/net/tcp"):
                return
            time.sleep(0.1)
        raise Failed("the server does not listen")

    def pids(self):
        return family_of(self.process.pid)

    def end(self):
        # A million descriptors take a while to close.
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Client:
    """Our load generator, anew for each step: the trickle is over all connections alike."""

    def __init__(self, engine, number, rate, log):
        self.process = subprocess.Popen(
            [OSCONCEPTS, "load", f"http://127.0.0.1:{PORT}/", "--engine", engine, "--idle", str(number),
             "--duration", "1440m", "--rate", str(rate), "--src", f"127.0.0.2-127.0.0.{2 + number // PER_ADDRESS}",
             "--timeout", "600s", "--no-progress"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def check(self):
        if self.process.poll() is not None:
            raise Failed("the client has ended; see its log")

    def end(self):
        self.process.kill()
        self.process.wait()


def wait_open(server, client, number):
    """Until all are accepted, and the earlier ones closed. Told now and then: it takes minutes."""
    begun = told = time.monotonic()
    last, last_at = -1, begun
    while True:
        count = server.books.read()
        is_open = count["accepts"] - count["closes"]
        now = time.monotonic()
        if is_open == number:
            return now - begun
        if is_open != last:
            last, last_at = is_open, now
        if now - last_at > 300:
            raise Failed(f"no more than {is_open} of {number} connections could be opened")
        if now - told >= 5:
            say(f"  {is_open} of {number} open after {now - begun:.0f} s")
            told = now
        client.check()
        time.sleep(0.2)


class Moment:
    """What all books say, as near together as can be."""

    def __init__(self, server):
        self.at = time.monotonic()
        self.account = server.books.read()
        self.counts = target_counts()


def memory(server, client=None):
    meminfo = kib_of("/proc/meminfo")
    server_private, server_tables = user_bytes(server.pids())
    client_private, client_tables = user_bytes([client.process.pid] if client else [])
    # What is not free and nobody's pages: the kernel's own.
    users = meminfo["AnonPages"] + meminfo["Cached"] + meminfo["Buffers"]
    return {
        "kernel": 1024 * (meminfo["MemTotal"] - meminfo["MemFree"] - users),
        "slab": 1024 * meminfo["Slab"],
        "page_tables": 1024 * meminfo["PageTables"],
        "server": server_private, "server_page_tables": server_tables,
        "client": client_private, "client_page_tables": client_tables,
        "slabs": slab_bytes(),
    }


def per_connection(now, before, number):
    row = {name: (now[name] - before[name]) / number for name in now if name != "slabs"}
    slabs = {name: (size - before["slabs"].get(name, 0)) / number for name, size in now["slabs"].items()}
    row["slabs"] = {name: size for name, size in sorted(slabs.items(), key=lambda kv: -kv[1])[:12] if size >= 1}
    return row


def measure(server, client, seconds):
    """The trickle, as the module and the server count it."""
    first = Moment(server)
    time.sleep(seconds)
    client.check()
    last = Moment(server)
    requests = last.account["requests"] - first.account["requests"]
    if not requests:
        raise Failed("no request was answered while it was measured")
    counts = {name: (last.counts[name] - first.counts[name]) / requests for name in
              ("context_switches_voluntary", "context_switches_involuntary", "page_faults_minor",
               "epoll_callbacks", "epoll_wakeups") if name in first.counts}
    waits = last.account["waits"] - first.account["waits"]
    return {"seconds": last.at - first.at, "requests": requests, "per_request": counts,
            "waits_per_request": waits / requests, "lost": last.counts["lost"]}


def step(model, server, number, before, args, log):
    say(f"{model}: {number} connections")
    client = Client("uring" if model == "uring" else "epoll", number, args.rate, log)
    try:
        opened_s = wait_open(server, client, number)
        # A while for the client to see that all are open.
        time.sleep(2)
        row = {"model": model, "connections": number, "opened_s": opened_s, **conditions(args)}
        row |= measure(server, client, args.seconds)
        row["bytes_per_connection"] = per_connection(memory(server, client), before, number)
    finally:
        client.end()
    with open(args.rows, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    say(f"  {row['requests']} requests, {row['per_request']['context_switches_voluntary']:.3f} voluntary switches each; "
        f"{row['bytes_per_connection']['kernel']:.0f} bytes of kernel memory a connection")


def conditions(args):
    """Of the steps of this run, by CONDITIONS."""
    return {"guest": args.guest, "kernel": os.uname().release, "rate": args.rate, "asked_seconds": args.seconds}


def same(row, wanted):
    return all(row[name] == value for name, value in wanted.items())


def steps_left(model, args):
    wanted = {"model": model, **conditions(args)}
    done = {row["connections"] for row in map(completed, rows_of(args.rows)) if same(row, wanted)}
    return [number for number in args.connections if number not in done]


def run(model, args, log):
    steps = steps_left(model, args)
    if not steps:
        say(f"{model}: all steps are there")
        return
    subprocess.run(["insmod", os.environ["OSC_MODULE"]], check=True)
    server = Server(model, log)
    try:
        subprocess.run([HELPER, "add", str(server.process.pid)], check=True, stdout=subprocess.DEVNULL)
        before = memory(server)
        for number in steps:
            step(model, server, number, before, args, log)
    finally:
        server.end()
        subprocess.run(["rmmod", "osconcepts"], check=False)


def rows_of(path):
    if not os.path.exists(path):
        return []
    return [json.loads(line) for line in read_text(path).splitlines()]


def completed(row):
    """A row with all of CONDITIONS: earlier ones have the kernel's release alone for
    the guest, which was Debian's, and the time that it took, a little over what was
    asked."""
    series = re.match(r"(\d+\.\d+)[^-]*(?:-\d+)?(-rt)?", row["kernel"])
    return {"guest": "".join(filter(None, series.groups())), "asked_seconds": int(row["seconds"]), "items": None, **row}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="epoll-multi,uring")
    parser.add_argument("--connections", default="1000,10000,100000,1000000",
                        type=lambda text: sorted(int(word) for word in text.split(",")))
    parser.add_argument("--rate", type=int, default=500, help="requests a second, over all")
    parser.add_argument("--seconds", type=float, default=20, help="of each step")
    parser.add_argument("--guest", default=os.uname().release,
                        help="its kernel, as of scripts/vm (default its release)")
    parser.add_argument("--rows", default=os.path.join(os.environ.get("OUT", "."), "rows.jsonl"))
    parser.add_argument("--log", default=os.path.join(os.environ.get("OUT", "."), "million.log"))
    args = parser.parse_args()
    set_limits()
    with open(args.log, "w", encoding="utf-8") as log:
        for model in args.models.split(","):
            try:
                run(model, args, log)
            except Failed as error:
                say(f"{model}: {error}")
                log.flush()
                say(read_text(args.log)[-2000:])
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

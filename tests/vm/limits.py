#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""What stops our servers from holding more connections, and what each takes of it.

Runs in a guest, where the limits are ours. One limit at a time is set so low that
there is room for 100 more, then for 200; all others are out of the way. Of the
connections that are tried, those that are answered and stay open are held: 100
divided by the difference is what a connection takes. A server that holds as many
with either is not stopped by that limit. A row of JSON for each model and limit is
appended to --rows; what is there is not repeated.
"""

import argparse
import contextlib
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import million
from million import PORT, Failed, Server, read_text, say

# Nobody else's, so that its processes can be counted and ended.
USER = 54321
ROOM = (100, 200)
# More than the largest room, in each of two processes.
TRIED = 450
# More than any room: what stops a model by itself.
TRIED_FREE = 1200
WORKERS = 1 << 16
RESERVED_PIDS = 300  # include/linux/threads.h: not given out twice
QUIET_S = 5
REQUEST = b"GET / HTTP/1.1\r\nHost: guest\r\n\r\n"


class Held:
    """Connections opened at once; each sends a request and stays open."""

    def __init__(self, number):
        self.answered = set()
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for _ in range(number):
            sock = socket.socket()
            self.sockets.append(sock)
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(("127.0.0.1", PORT))
            self.selector.register(sock, selectors.EVENT_WRITE)

    def _turn(self, sock, events):
        try:
            if events & selectors.EVENT_WRITE:
                sock.send(REQUEST)
                self.selector.modify(sock, selectors.EVENT_READ)
                return
            data = sock.recv(4096)
        except OSError:
            data = b""
        if data.startswith(b"HTTP/1.1 200"):
            self.answered.add(sock)
        elif not data:
            self.selector.unregister(sock)
            self.answered.discard(sock)

    def _turns(self, timeout_s):
        """Whether anything has happened."""
        ready = self.selector.select(timeout_s)
        for key, events in ready:
            self._turn(key.fileobj, events)
        return bool(ready)

    def count(self):
        """Of those answered and open, once they have not become more for a while:
        a server that lacks something refuses the others one now and then."""
        most, since = 0, time.monotonic()
        while len(self.answered) < len(self.sockets) and time.monotonic() - since < QUIET_S:
            self._turns(QUIET_S)
            if len(self.answered) > most:
                most, since = len(self.answered), time.monotonic()
        # Some of them may have been closed since.
        while self._turns(1):
            pass
        return len(self.answered)

    def close(self):
        for sock in self.sockets:
            sock.close()
        self.selector.close()


class Sysctl:
    """A limit of the system: in_use() counts what of it is taken already."""

    def __init__(self, name, in_use):
        self.name, self.in_use = name, in_use
        self.path = "/proc/sys/" + name.replace(".", "/")

    def default(self, _=None):
        return int(read_text(self.path))

    def write(self, value):
        with open(self.path, "w", encoding="ascii") as file:
            file.write(str(value))

    def for_room(self, room):
        return self.in_use() + room

    @contextlib.contextmanager
    def leave(self, room):
        """For Server()."""
        before = self.default()
        self.write(self.for_room(room))
        try:
            yield {}
        finally:
            self.write(before)


class PidMax(Sysctl):
    """Numbers are free below the limit as above it: those in use are looked for."""

    def for_room(self, room):
        used = self.in_use()
        free = [number for number in range(RESERVED_PIDS, RESERVED_PIDS + len(used) + room + 1) if number not in used]
        return free[room]


class Rlimit:
    """A limit of each process, or of a user's."""

    def __init__(self, name):
        self.name, self.number = name, getattr(resource, name)

    def default(self, _):
        return resource.getrlimit(self.number)[1]

    @contextlib.contextmanager
    def leave(self, room):
        yield {"preexec_fn": lambda: resource.setrlimit(self.number, (room, room))}


class Workers:
    name = "--workers"

    def default(self, model):
        """Each model has its own, and tells it."""
        command = [million.OSCONCEPTS, "serve", "--model", model, "--port", "0", "--json", "--quiet"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as server:
            start = json.loads(server.stdout.readline())
            server.terminate()
        return start["workers"]

    @contextlib.contextmanager
    def leave(self, room):
        yield {"workers": room}


def settled(count):
    """What ended processes had is given back a little later."""
    last = None
    while (now := count()) != last:
        last = now
        time.sleep(1)
    return now


def tasks():
    return settled(lambda: int(read_text("/proc/loadavg").split()[3].split("/")[1]))


def numbers():
    """Of all tasks."""
    used = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError):
            used |= set(map(int, os.listdir(f"/proc/{pid}/task")))
    return used


def maps():
    """Those of who sets it, which is ourselves: a server has fewer."""
    return len(read_text("/proc/self/maps").splitlines())


LIMITS = (Workers(), Rlimit("RLIMIT_NOFILE"), Rlimit("RLIMIT_NPROC"), Sysctl("kernel.threads-max", tasks),
          PidMax("kernel.pid_max", numbers), Sysctl("vm.max_map_count", maps))


def alive():
    """Processes of the server's user, which is nobody else's."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if os.stat(f"/proc/{pid}").st_uid == USER and read_text(f"/proc/{pid}/stat").rpartition(") ")[2][0] != "Z":
                yield pid


def end_all():
    """The server's children too. No process is made for it: there may be no room for one."""
    while pids := list(alive()):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def hold(model, tried, log, workers=None, **how):
    """How many connections of those tried the server holds; 0 when it cannot even start."""
    options = ("--workers", str(workers)) if workers else ()
    place = tempfile.mkdtemp(prefix="limits.", dir="/run")
    os.chown(place, USER, USER)
    try:
        server = Server(model, log, options, place + "/account", user=USER, group=USER, extra_groups=[], **how)
        try:
            with contextlib.closing(Held(tried)) as held:
                return held.count()
        finally:
            server.end()
    except Failed:
        return 0
    finally:
        end_all()
        shutil.rmtree(place)


def measure(model, limit, workers, log):
    held = []
    for room in ROOM:
        with limit.leave(room) as how:
            held.append(hold(model, TRIED, log, **({"workers": workers} | how)))
    say(f"{model}: {limit.name} with room for {ROOM[0]}, {ROOM[1]}: {held[0]}, {held[1]} connections")
    takes = (ROOM[1] - ROOM[0]) / (held[1] - held[0]) if held[1] > held[0] else None
    return {"model": model, "limit": limit.name, "room": ROOM, "held": held, "takes": takes, "default": limit.default(model)}


def most_workers(model, log):
    """As many as are ever needed, where a model has a worker for each connection."""
    held = [hold(model, TRIED, log, workers=room) for room in ROOM]
    return WORKERS if held[1] > held[0] else None


def run(model, args, log):
    limits = [limit for limit in LIMITS if not args.only or limit.name in args.only.split(",")]
    done = {row["limit"] for row in million.rows_of(args.rows)
            if (row["model"], row["kernel"]) == (model, os.uname().release)}
    free = [] if args.only else ["itself"]
    if {limit.name for limit in limits} | set(free) <= done:
        say(f"{model}: all limits are there")
        return
    workers = most_workers(model, log)
    with open(args.rows, "a", encoding="utf-8") as file:
        def write(row):
            file.write(json.dumps(row | {"kernel": os.uname().release}) + "\n")
            file.flush()

        for limit in limits:
            if limit.name not in done:
                write(measure(model, limit, workers, log))
        if free and "itself" not in done:
            held = hold(model, TRIED_FREE, log, workers=workers)
            say(f"{model}: nothing set: {held} of {TRIED_FREE} connections")
            write({"model": model, "limit": "itself", "tried": TRIED_FREE, "held": held})


def main():
    out = os.environ.get("OUT", ".")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="all", help="of osconcepts serve --list (default all)")
    parser.add_argument("--only", metavar="LIMITS", help="these: " + ",".join(limit.name for limit in LIMITS))
    parser.add_argument("--rows", default=os.path.join(out, "limits.jsonl"))
    parser.add_argument("--log", default=os.path.join(out, "limits.log"))
    args = parser.parse_args()
    models = args.models.split(",")
    if args.models == "all":
        listed = subprocess.run([million.OSCONCEPTS, "serve", "--list", "--json"], stdout=subprocess.PIPE, check=True)
        models = [entry["model"] for entry in json.loads(listed.stdout)]
    million.set_limits()
    with open(args.log, "w", encoding="utf-8") as log:
        for model in models:
            run(model, args, log)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own netlink client, tools/net/ynl/cli.py and its library, works
with our specification unchanged."""

import errno
import json
import os
import subprocess
import sys
import threading
import time

SOURCE = os.environ["OSC_KERNEL_SOURCE"]
YNL = os.path.join(SOURCE, "tools/net/ynl")
SPEC = os.path.abspath("Documentation/netlink/specs/osconcepts.yaml")
SCHEMA = os.path.join(SOURCE, "Documentation/netlink/genetlink-legacy.yaml")

sys.path.append(YNL)
from lib import NlError, YnlFamily  # noqa: E402, of the path above


class Tap:
    """Results on standard output."""

    count = failed = 0

    def ok(self, good, name):
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {name}", flush=True)

    def equal(self, got, want, name):
        if got != want:
            print(f"# got {got!r}, want {want!r}")
        self.ok(got == want, name)

    def done(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


tap = Tap()


def cli(*args, schema=False):
    """cli.py as a person runs it: its status and what it printed, from JSON."""
    command = ["/usr/bin/python3", os.path.join(YNL, "cli.py"), "--spec", SPEC, "--output-json"]
    command += ["--schema", SCHEMA] if schema else ["--no-schema"]
    done = subprocess.run(command + list(args), capture_output=True, text=True, check=False)
    if done.returncode:
        return done.returncode, done.stdout + done.stderr
    return 0, [json.loads(line) for line in done.stdout.splitlines()]


def sleeper():
    return subprocess.Popen(["/bin/sleep", "1000"], stdout=subprocess.DEVNULL)


def end(process):
    process.kill()
    process.wait()


class Changes(threading.Thread):
    """Adds and removes a target all the time. Slower than cli.py reads, which
    ends when it has read all."""

    def __init__(self):
        super().__init__()
        self.over = threading.Event()
        self.family = YnlFamily(SPEC, "")
        self.child = sleeper()

    def run(self):
        while not self.over.wait(0.3):
            target = self.family.do("target-add", {"pid": self.child.pid})
            self.family.do("target-del", {"id": target["id"]})

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.over.set()
        self.join()
        end(self.child)


def test_cli():
    status, said = cli("--dump", "source-get", schema=True)
    tap.equal(status, 0, "cli.py --dump source-get; the specification keeps to the kernel's schema")
    if not status:
        tap.equal([source["name"] for source in said[0]], ["sched", "fault", "epoll"], "three sources")
        tap.ok(all(source["state"] == "on" for source in said[0]), "their states are words")

    status, said = cli("--do", "totals-get", "--json", "{}")
    tap.equal(status, 0, "cli.py --do totals-get")
    if not status:
        counters = said[0]["counters"]
        tap.ok(counters["context-switches-voluntary"] > 0, "with counters by name")

    child = sleeper()
    status, said = cli("--do", "target-add", "--json", json.dumps({"pid": child.pid}))
    tap.equal(status, 0, "cli.py --do target-add")
    if not status:
        tap.equal(said[0]["pid"], child.pid, "the reply has the pid")
        tap.equal(said[0]["state"], "live", "and the state")
        status, said = cli("--do", "target-del", "--json", json.dumps({"id": said[0]["id"]}))
        tap.equal(status, 0, "cli.py --do target-del")
    end(child)

    with Changes():
        status, said = cli("--subscribe", "targets", "--sleep", "2")
    tap.equal(status, 0, "cli.py --subscribe targets")
    if not status:
        names = {message["name"] for message in said[0]}
        tap.equal(sorted(names), ["target-add-ntf", "target-del-ntf"], "sees what comes and goes")

    status, said = cli("--do", "target-add", "--json", '{"pid": 4194303}')
    tap.equal(status, 1, "cli.py --do target-add of no process fails")
    tap.ok("no process has this PID" in str(said), "and shows the reason")


def notifications(family, want, tries=400):
    """The names of the notifications, until there are as many as wanted."""
    names = []
    for _ in range(tries):
        family.check_ntf()
        names += [message["name"] for message in family.async_msg_queue]
        family.async_msg_queue.clear()
        if len(names) >= want:
            break
        time.sleep(0.02)
    return names


def test_library():
    family = YnlFamily(SPEC, "")
    # A socket of its own, as the kernel's documentation asks for: the library
    # takes what comes between a request and its answer for an answer.
    watcher = YnlFamily(SPEC, "")
    watcher.ntf_subscribe("targets")
    child = sleeper()
    target = family.do("target-add", {"pid": child.pid, "flags": ["bound", "no-follow"]})
    tap.equal(sorted(target["flags"]), ["bound", "no-follow"], "flags are words")
    dump = family.dump("target-get", {})
    tap.equal([item["id"] for item in dump], [target["id"]], "the dump has the target")
    end(child)
    tap.equal(notifications(watcher, 2), ["target-add-ntf", "target-exit-ntf"], "its coming and its end are told")
    last = family.do("target-get", {"id": target["id"]})
    tap.equal((last["state"], last["tasks-live"], last["tasks-exited"], last["lost"]), ("exited", 0, 1, 0),
              "its end is in the books")
    family.do("target-del", {"id": target["id"]})
    tap.equal(notifications(watcher, 1), ["target-del-ntf"], "its removal is told")
    try:
        family.do("target-get", {"id": target["id"]})
        tap.ok(False, "a removed target is refused")
    except NlError as error:
        tap.equal(error.error, errno.ENOENT, "a removed target is refused")
    cpus = family.dump("totals-get", {})
    tap.equal([total["cpu"] for total in cpus], list(range(os.cpu_count())), "the totals of each CPU")


test_cli()
test_library()
sys.exit(tap.done())

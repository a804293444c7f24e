#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures what hooks cost, inside a guest whose clock counts instructions.

Called by scripts/bench-kmod; writes its rows to $OUT/rows.json. Each tool is
attached and detached while one process does the same work in batches: the
difference to the batches without it is what it adds.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

BUILD = os.environ.get("BUILD", "build")
COST = f"{BUILD}/vm-tests/cost"
HELPER = f"{BUILD}/vm-tests/helper"
MODULE = os.environ["OSC_MODULE"]
PARAMETERS = "/sys/module/osconcepts/parameters"
# How often to look whether a tool has attached: an idle guest's seconds pass at
# once, so the time it takes cannot be waited for.
ATTACH_LOOKS = 600
# Of what a batch takes: as much again is no other state of the tool.
STEADY = 0.02
MANY = 10000

# Events of the kind that the added instructions are divided by.
EVENTS = {"yield": 2, "pipe": 2, "fault": 1, "callback": 1, "epoll": 2, "request": 1, "fork": 1, "thread": 1}
ROUNDS = {"request": 100}
# A request has two lengths, 3,400 instructions apart, which change between
# batches with nothing attached: the shorter one of several is taken. So have
# tasks, 250 apart, by what the allocators have at hand.
BATCHES = {"request": 16, "fork": 4, "thread": 4}


def say(text):
    print(text, file=sys.stderr, flush=True)


class Work:
    """A process that does rounds of one workload."""

    def __init__(self, name):
        self.name = name
        self.process = subprocess.Popen([COST, name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.pid = int(self._read())

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{COST} {self.name} ended with status {self.process.wait()}")
        return line

    def measure(self):
        return min(self._batch() for _ in range(BATCHES.get(self.name, 1)))

    def _batch(self):
        self.process.stdin.write(f"{ROUNDS.get(self.name, 500)}\n")
        self.process.stdin.flush()
        return int(self._read())

    def end(self):
        self.process.kill()
        self.process.wait()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def unload():
    with contextlib.suppress(OSError):
        with open(f"{PARAMETERS}/time", "w", encoding="ascii") as file:
            file.write("\n")
    for _ in range(100):
        if not os.path.isdir("/sys/module/osconcepts"):
            return
        subprocess.run(["rmmod", "osconcepts"], stderr=subprocess.DEVNULL, check=False)
        time.sleep(0.05)
    raise RuntimeError("the module cannot be unloaded")


@contextlib.contextmanager
def ours(work, *, parameters=(), watched=False, others=()):
    """Our module, with its parameters and targets."""
    run("insmod", MODULE, *parameters)
    try:
        for pid in ([work.pid] if watched else []) + list(others):
            run(HELPER, "add", str(pid))
        if watched or others:
            # Until the first wakeup the module looks for a proof of epoll's layout.
            run(HELPER, "wake")
        yield
    finally:
        unload()


def wait_until_it_costs(process, work, base):
    """The same at two looks: perf has its events in place, and what is before each of
    them costs, a while before it switches them on."""
    last = base
    for _ in range(ATTACH_LOOKS):
        time.sleep(1)
        if process.poll() is not None:
            raise RuntimeError(process.stderr.read().strip().splitlines()[-1])
        now = work.measure()
        if min(now, last) > base and abs(now - last) <= STEADY * last:
            return
        last = now
    raise RuntimeError("no steady difference seen: it costs nothing, or has not attached")


def end_tool(process):
    """What it said of itself, on its standard error."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        return process.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[1]


@contextlib.contextmanager
def tool(work, *command):
    """Another tool, running in the background until it is interrupted."""
    base = max(work.measure() for _ in range(3))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)
    try:
        wait_until_it_costs(process, work, base)
        yield
    finally:
        said = end_tool(process)
    # Who drops events, as perf does where it is not fast enough, has no cost to compare.
    if match := re.search(r".*\b(lost|failed)\b.*", said):
        raise RuntimeError(match[0].strip())


class Case:
    """One row: a tool at a level, beside a workload."""

    def __init__(self, name, level, attach, *, targets=0, in_target=False, via="", command=""):
        self.name, self.level, self.attach = name, level, attach
        self.targets, self.in_target, self.via, self.command = targets, in_target, via, command


def our_case(level, *, parameters=(), watched=False, sleeper=None, via=""):
    """@sleeper: a process that does nothing, to be the target instead."""
    def attach(work):
        return ours(work, parameters=parameters, watched=watched,
                    others=[sleeper] if sleeper else [])
    return Case("osconcepts", level, attach, targets=int(watched or bool(sleeper)),
                in_target=watched, via=via, command=" ".join(("insmod osconcepts.ko",) + tuple(parameters)))


def tool_case(level, *command):
    name = " ".join(f"'{word}'" if " " in word else word for word in command)
    return Case(os.path.basename(command[0]), level, lambda work: tool(work, *command), command=name)


def time_cases(names, sleeper):
    """The time level, beside the counts of targets and of the whole system."""
    for name in names:
        for totals in (0, 1):
            parameters = (f"totals={totals}", f"time={name}")
            level = f"time {name}" + (", totals" if totals else "")
            yield our_case(level, parameters=parameters, sleeper=sleeper)
            yield our_case(level, parameters=parameters, watched=True)
        yield our_case(f"time {name}=all", parameters=("totals=0", f"time={name}=all"))


def count_cases(sleeper, *parameters, via=""):
    """No target, another process in one, and the workload."""
    level = "count" if "totals=0" in parameters else "count, totals"
    yield our_case(level, parameters=parameters, via=via)
    yield our_case(level, parameters=parameters, sleeper=sleeper, via=via)
    yield our_case(level, parameters=parameters, watched=True, via=via)


def perf():
    """Debian's wrapper insists on the running kernel's version."""
    for path in ("/usr/bin/perf_6.1", "/usr/bin/perf"):
        if os.access(path, os.X_OK):
            return path
    return "perf"


def tools_for(workload, pid):
    if workload in ("yield", "pipe"):
        yield tool_case("count", perf(), "stat", "-a", "-e", "sched:sched_switch")
        yield tool_case("count", perf(), "stat", "-p", str(pid), "-e", "context-switches")
        yield tool_case("record", perf(), "record", "-a", "-e", "sched:sched_switch", "-o", "/dev/shm/perf.data")
        yield tool_case("count", "bpftrace", "-e", "tracepoint:sched:sched_switch { @ = count(); }")
        yield tool_case("count", "bpftrace", "-e", "kprobe:finish_task_switch* { @ = count(); }")
        yield tool_case("time", "/usr/sbin/cpudist")
        yield tool_case("time", "/usr/sbin/runqlat")
    if workload == "fault":
        yield tool_case("count", perf(), "stat", "-a", "-e", "minor-faults")
        yield tool_case("count", perf(), "stat", "-p", str(pid), "-e", "minor-faults")
        yield tool_case("count", "bpftrace", "-e", "tracepoint:exceptions:page_fault_user { @ = count(); }")
        yield tool_case("count", "bpftrace", "-e", "kprobe:handle_mm_fault { @ = count(); }")
        yield tool_case("count", "bpftrace", "-e", "kfunc:handle_mm_fault { @ = count(); }")
        yield tool_case("time", "bpftrace", "-e",
                        "kprobe:handle_mm_fault { @s[tid] = nsecs; } "
                        "kretprobe:handle_mm_fault /@s[tid]/ { @ = hist(nsecs - @s[tid]); delete(@s[tid]); }")
    if workload in ("callback", "epoll"):
        yield tool_case("count", "bpftrace", "-e", "kprobe:ep_poll_callback { @ = count(); }")
        yield tool_case("count", "bpftrace", "-e", "kfunc:ep_poll_callback { @ = count(); }")
    if workload == "request":
        yield tool_case("count", perf(), "stat", "-a", "-e", "sched:sched_switch,minor-faults")
        yield tool_case("count", perf(), "stat", "-p", str(pid), "-e", "context-switches,minor-faults")
    if workload in ("epoll", "request"):
        yield tool_case("count", "bpftrace", "-e",
                        "kprobe:ep_poll_callback { @c = count(); } "
                        "kprobe:ep_autoremove_wake_function { @w = count(); }")


TIMINGS = {
    "yield": ("sched", "off_cpu", "sched,off_cpu"),
    "pipe": ("sched", "epoll_return"),
    "fault": ("fault",),
    "callback": ("epoll", "epoll_return"),
    "epoll": ("epoll", "epoll_return"),
    "request": ("sched", "fault", "epoll", "sched,off_cpu,fault,epoll"),
    "fork": ("sched",),
    "thread": ("sched",),
}


def cases_for(workload, work, sleeper, with_tools):
    yield from count_cases(sleeper, "totals=0")
    yield from count_cases(sleeper)
    if workload in ("callback", "epoll", "request"):
        for via in ("ftrace", "kprobe"):
            yield from count_cases(sleeper, "totals=0", f"epoll_via={via}", via=via)
    yield from time_cases(TIMINGS[workload], sleeper)
    if with_tools:
        yield from tools_for(workload, work.pid)


def typical(values):
    """The most frequent value, the least of several."""
    return min(statistics.multimode(values))


def measure_case(work, case, repeats):
    bases, values = [], []
    for _ in range(repeats):
        bases.append(work.measure())
        with case.attach(work):
            work.measure()
            values.append(work.measure())
        # A batch apart: what the detaching left to do is not the next base's.
        work.measure()
    return bases, values


def row_of(workload, case, bases, values):
    events = EVENTS[workload]
    base, value = typical(bases), typical(values)
    return {
        "workload": workload, "tool": case.name, "command": case.command, "level": case.level,
        "via": case.via, "targets": case.targets, "in_target": case.in_target,
        "instructions_per_event": value / events, "added": (value - base) / events,
        "base": base / events, "repeats": [v / events for v in values],
        "bases": [b / events for b in bases],
    }


def measure_workload(workload, sleeper, args):
    rows = []
    work = Work(workload)
    try:
        work.measure()
        for case in cases_for(workload, work, sleeper, args.tools):
            repeats = args.repeats if case.name == "osconcepts" else 1
            try:
                row = row_of(workload, case, *measure_case(work, case, repeats))
            except (RuntimeError, FileNotFoundError, IndexError) as error:
                reason = "not installed" if isinstance(error, FileNotFoundError) else str(error)
                row = {"workload": workload, "tool": case.name, "command": case.command,
                       "level": case.level, "via": case.via, "targets": case.targets,
                       "in_target": case.in_target, "instructions_per_event": None,
                       "added": None, "reason": reason}
            rows.append(row)
            say(f"{workload:9}{case.command or case.name} "
                f"{'in a target ' if case.in_target else 'target elsewhere ' if case.targets else ''}"
                f"{row['added'] if row['added'] is not None else row['reason']}")
    finally:
        work.end()
    return rows


class Crowd:
    """Many sleeping processes, as targets or not."""

    def __init__(self, count):
        self.process = subprocess.Popen([COST, "crowd", str(count)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{COST} crowd ended with status {self.process.wait()}")
        return int(line)

    def order(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self._read()

    def end(self):
        self.process.kill()
        self.process.wait()


def measure_many(args):
    """Cost per event with 10 and with 10,000 targets, and of reading these."""
    rows, sizes = [], (10, args.many)
    for size in sizes:
        say(f"{size} targets")
        crowd = Crowd(size)
        try:
            rows += many_rows(crowd, size, args.repeats)
        finally:
            crowd.end()
    return rows


@contextlib.contextmanager
def crowded(crowd, work=None, *, parameters=("time=sched,epoll",), watched=False):
    """Our module with the crowd as targets, and the workload as one if that is watched."""
    with ours(work, parameters=parameters, watched=watched):
        crowd.order("open")
        crowd.order("add")
        yield
        crowd.order("close")


def many_cases(crowd, size):
    """Each level, the workload in a target or not."""
    for level, parameters in (("count, totals", ()), ("time sched,epoll, totals", ("time=sched,epoll",))):
        for watched in (False, True):
            def attach(work, parameters=parameters, watched=watched):
                return crowded(crowd, work, parameters=parameters, watched=watched)
            insmod = " ".join(("insmod osconcepts.ko",) + parameters)
            yield Case("osconcepts", level, attach, targets=size + watched, in_target=watched,
                       command=f"{insmod}; {size} more targets")


def many_rows(crowd, size, repeats):
    rows = []
    for workload in ("yield", "epoll"):
        work = Work(workload)
        try:
            work.measure()
            for case in many_cases(crowd, size):
                rows.append(row_of(workload, case, *measure_case(work, case, repeats)))
                say(f"{workload:9}{case.command}{' in a target' if case.in_target else ''} {rows[-1]['added']}")
        finally:
            work.end()
    with crowded(crowd):
        rows += reading_rows(crowd, size)
    return rows


def reading_rows(crowd, size):
    by_netlink, by_proc = crowd.order("dump"), crowd.order("proc")
    say(f"{size} targets read: {by_netlink / size} each by netlink, {by_proc / size} from /proc/PID/status")
    common = {"level": "read", "via": "", "targets": size, "in_target": False, "added": None}
    return [
        {"workload": "read", "tool": "osconcepts", "command": f"target-get dump of {size}",
         "instructions_per_event": by_netlink / size, **common},
        {"workload": "read", "tool": "procfs", "command": f"open, read, close /proc/PID/status of {size}",
         "instructions_per_event": by_proc / size, **common},
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--tools", action="store_true")
    args = parser.parse_args()
    with open("/proc/sys/kernel/sched_rt_runtime_us", "w", encoding="ascii") as file:
        file.write("-1")
    # perf looks at each module of the kernel before it records: minutes, over 9p.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/lib/modules"], check=True)
    sleeper = subprocess.Popen(["sleep", "infinity"])
    rows = []
    try:
        for workload in args.only or EVENTS:
            rows += measure_workload(workload, sleeper.pid, args)
        if args.many:
            rows += measure_many(args)
    finally:
        sleeper.kill()
        with open(os.path.join(os.environ["OUT"], "rows.json"), "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches of servers and of clients share: a program on a CPU of its own
whose CPU time is accounted, and what is told of repeated runs."""

import contextlib
import math
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import time

READY_S = 20
STOP_S = 20


class Failed(Exception):
    pass


def fail(text, status=1):
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr)
    sys.exit(status)


class Accounting:
    """CPU time of a program and all its processes, dead ones too: a cgroup."""

    def __init__(self, role):
        for root, name, read in (("/sys/fs/cgroup", "cpu.stat", self._v2),
                                 ("/sys/fs/cgroup/unified", "cpu.stat", self._v2),
                                 ("/sys/fs/cgroup/cpuacct", "cpuacct.usage", self._v1)):
            path = os.path.join(root, f"osconcepts-bench-{os.getpid()}-{role}")
            if not os.path.isdir(root):
                continue
            with contextlib.suppress(OSError):
                os.mkdir(path)
                self.path, self.file, self._read = path, os.path.join(path, name), read
                if os.path.exists(self.file):
                    self.name = f"{self.file.rsplit('/', 2)[0]}/…/{name}"
                    return
                os.rmdir(path)
        fail(f"the {role}'s CPU time is taken from a cgroup, which cannot be made here; try it as root", 77)

    @staticmethod
    def _v2(text):
        return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6

    @staticmethod
    def _v1(text):
        return int(text) / 1e9

    def enter(self):
        """Called in a child before it runs the program."""
        with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="ascii") as f:
            f.write("0")

    def seconds(self):
        with open(self.file, encoding="ascii") as f:
            return self._read(f.read())

    def processes(self):
        with open(os.path.join(self.path, "cgroup.procs"), encoding="ascii") as f:
            return [int(pid) for pid in f.read().split()]

    def remove(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.path)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(command, accounting, cpu, log):
    """Runs a program on that CPU, accounted; both of its streams go to log."""
    def enter():
        accounting.enter()
        os.sched_setaffinity(0, {cpu})
        os.setsid()
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=enter)


def wait_ready(port, process):
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failed(f"ended at once with status {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise Failed(f"does not listen after {READY_S} s")


def stop(process, accounting):
    process.send_signal(signal.SIGTERM)
    end = time.monotonic() + STOP_S
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    while accounting.processes() and time.monotonic() < end:
        time.sleep(0.02)
    for pid in accounting.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()


def median_interval(values):
    """Median, and the order statistics between which the true one lies with 95 %."""
    ordered, n = sorted(values), len(values)
    k, tail = 0, 0.0
    while k < n // 2 and tail + math.comb(n, k) / 2**n <= 0.025:
        tail += math.comb(n, k) / 2**n
        k += 1
    # With few rounds no interval is that sure: all that was seen.
    low = max(k - 1, 0)
    return statistics.median(ordered), ordered[low], ordered[n - 1 - low]


def machine():
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"kernel": platform.release(), "cpu": model, "cpus": os.cpu_count()}


def write_between(path, name, text):
    """Between the marks of that name."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    with open(path, encoding="utf-8") as file:
        content = file.read()
    try:
        head, rest = content.split(begin)
        tail = rest.split(end)[1]
    except (ValueError, IndexError):
        fail(f"{path}: lacks one pair of {begin} and {end}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{head}{begin}\n{text}\n{end}{tail}")

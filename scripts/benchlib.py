# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches share: a program on a CPU of its own whose CPU time is accounted,
the rounds of a bench and what becomes of them, tables in the documents."""

import argparse
import contextlib
import json
import os
import platform
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import arguments

import benchstat

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEPS = arguments.quoted(os.path.join(TOP, "scripts/deps"))
BUILD = os.environ.get("BUILD", "build")
BENCH = os.path.join(BUILD, "bench")
OSCONCEPTS = os.path.join(BUILD, "osconcepts")
BARE = os.path.join(BENCH, "bare")

READY_S = 20
STOP_S = 20

# The Debian package of each program that is measured beside ours, or draws.
PACKAGES = {"apache2": "apache2-bin", "bpftrace": "bpftrace", "cpudist": "libbpf-tools", "gnuplot": "gnuplot-nox",
            "h2o": "h2o", "nginx": "nginx-light", "perf": "linux-perf", "runqlat": "libbpf-tools", "wrk": "wrk"}
# Some are in directories that a user's PATH lacks.
os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


class Failed(Exception):
    pass


class Stopped(BaseException):
    """By a signal; its status is that of the program."""

    def __init__(self, number):
        super().__init__(number)
        self.status = 128 + number


def say(text):
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr)


def fail(text, status=1):
    say(text)
    sys.exit(status)


def progress(text):
    """The line that tells what is running, in place of the one before. On a terminal
    only: a log would have little else."""
    if sys.stderr.isatty():
        print(f"\r{os.path.basename(sys.argv[0])}: {text}\033[K" if text else "\r\033[K", end="", file=sys.stderr,
              flush=True)


def whole(text):
    """A number from 1, as an option's value."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return int(text)


def whole_or_none(text):
    """A number from 0, as an option's value."""
    return 0 if text == "0" else whole(text)


def span(text):
    """A time above 0, as `osconcepts load` reads it."""
    if not re.fullmatch(r"\d+(\.\d+)?(us|ms|s|m)", text) or not float(text.rstrip("mus")):
        raise argparse.ArgumentTypeError(f"{text} is not a time above 0, such as 500ms, 2s or 1m")
    return text


def check_built(paths):
    missing = [path for path in paths if not os.access(path, os.R_OK)]
    if missing:
        bench = os.path.basename(sys.argv[0])
        fail(f"{', '.join(missing)}: not built; try 'make -C {arguments.quoted(TOP)} {bench}', which builds and then "
             "measures")


def models():
    """Ours, as `osconcepts serve --list` has them."""
    listed = subprocess.run([OSCONCEPTS, "serve", "--list", "--json"], check=False, capture_output=True)
    if listed.returncode:
        fail(f"{OSCONCEPTS} serve --list: status {listed.returncode}: {listed.stderr.decode().strip()}")
    return {m["model"]: m for m in json.loads(listed.stdout)}


def not_installed(programs):
    """Those of them, in order, each once."""
    return [name for name in dict.fromkeys(programs) if not shutil.which(name)]


def with_packages(programs):
    return ", ".join(f"{name} (Debian package {PACKAGES[name]})" for name in programs)


def add_peer_option(parser):
    parser.add_argument("--without-peers", action="store_true",
                        help="measure although a program to compare with is not installed; the page is then not written")


def check_peers(programs, args, page):
    """Before anything is measured: a page that compares needs those that it compares with. Returns
    those that are not installed."""
    missing = not_installed(programs)
    if not missing:
        return missing
    text = f"not installed: {with_packages(missing)}"
    if args.write and not args.without_peers:
        fail(f"{text}; {page} compares with them; try '{DEPS} bench', or --without-peers to measure without "
             "them and leave the page as it is", 77)
    say(f"{text}: left out; try '{DEPS} bench'")
    return missing


def check_gnuplot():
    """Before anything is measured, too."""
    if not_installed(["gnuplot"]):
        say(f"not installed: {with_packages(['gnuplot'])}: there will be no picture; try '{DEPS} bench'")


def left_as_it_was(page, lacking):
    """Whether a page may not be written, since rows are lacking; says so."""
    if lacking:
        say(f"{page} is left as it was: it would lack {', '.join(lacking)}")
    return bool(lacking)


def plot(script):
    """By gnuplot. False: there is no picture, and the reason was printed."""
    try:
        done = subprocess.run(["gnuplot"], input=script, text=True, check=False, capture_output=True)
    except FileNotFoundError:
        say(f"no picture: {with_packages(['gnuplot'])} is not installed; try '{DEPS} bench'")
        return False
    if done.returncode:
        say(f"no picture: {done.stderr.strip()}")
    return not done.returncode


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


def wait_end(process, timeout_s):
    """Its status, as soon as it has ended: Popen.wait() looks 20 times a second only,
    which would count as idle time."""
    fd = os.pidfd_open(process.pid)
    try:
        if not select.select([fd], [], [], timeout_s)[0]:
            raise Failed(f"has not ended after {timeout_s} s")
    finally:
        os.close(fd)
    return process.wait()


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


def machine():
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"kernel": platform.release(), "cpu": model, "cpus": os.cpu_count()}


def replace(path, text):
    """The file has the new text whole, or, when this is killed, the old one."""
    beside = f"{path}.new"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    shutil.copymode(path, beside)
    os.replace(beside, path)


def parts_of(path, name):
    """Of a page: what is before, between and after the marks of that name."""
    begin, end = f"<!-- {name}:begin -->\n", f"\n<!-- {name}:end -->"
    with open(path, encoding="utf-8") as file:
        content = file.read()
    try:
        head, rest = content.split(begin)
        text, tail = rest.split(end)
    except ValueError:
        fail(f"{path}: lacks one pair of {begin.strip()} and {end.strip()}")
    return head + begin, text, end + tail


def read_between(path, name):
    return parts_of(path, name)[1]


def write_between(path, name, text):
    head, _, tail = parts_of(path, name)
    replace(path, head + text + tail)


class Bench:
    """Programs that are measured in turn, round after round, and what is told of them.
    The files, the marks and the page in Documentation are called after `name`."""

    name = ""
    schema = ""
    metrics = ()  # of a run, which have a median
    roles = ()  # whose CPU time is accounted
    needs = (OSCONCEPTS,)  # that are built before
    keep = ()  # options that the result tells

    # --- of the subclass

    def add_options(self, parser):
        """Its own."""

    def choose(self):
        """(case, program) in the order of a round; self.args are parsed."""
        raise NotImplementedError

    def complete(self, about):
        """(case, program) that the page has, of runs as the document tells."""
        raise NotImplementedError

    def prepare(self):
        """Before the first round; self.scratch is an empty directory."""

    def measure(self, case, program):
        """One run: a dict of its figures and its `validity`. Raises Failed."""
        raise NotImplementedError

    def metrics_of(self, case):
        """Where not all cases have the same."""
        return self.metrics

    def describe(self, case, program):
        """What else a row says of a program."""
        return {}

    def reference(self, row):
        """The program that ratios are to, and which: {name of the ratio: metric}."""
        raise NotImplementedError

    def goals(self, rows):
        return ()

    def table(self, rows, about):
        raise NotImplementedError

    def picture(self, rows, path):
        """If it has one."""

    # --- of all

    def __init__(self, doc):
        self.args, self.scratch, self.accounts, self.stopped = None, None, {}, None
        self.parser = arguments.Parser(
            doc, "Exit status: 0 measured, 1 failed, 2 wrong usage, 77 something is missing\n"
                   "here, 130 or 143 stopped by SIGINT or SIGTERM.")
        p = self.parser
        p.add_argument("--rounds", type=whole, default=7, help="of all programs and cases (7)")
        self.add_options(p)
        p.add_argument("--client-cpu", type=int, default=0, help="the client's alone (0)")
        p.add_argument("--server-cpu", type=int, default=1, help="the server's alone (1)")
        p.add_argument("--render", action="store_true", help="run nothing: tell the runs that are in the JSON anew")
        p.add_argument("--write", action="store_true", help=f"the table into Documentation/{self.name}.md, too")
        add_peer_option(p)

    def page(self):
        return f"Documentation/{self.name}.md"

    def without_missing(self, cells, peers):
        """The cells (case, program) that can be measured here. @peers: the executable of each program
        that is not ours."""
        missing = check_peers([peers[n] for _, n in cells if n in peers], self.args, self.page())
        return [(case, n) for case, n in cells if peers.get(n) not in missing]

    def file(self, kind):
        """What a run that was stopped leaves is beside what the last whole one left."""
        return os.path.join(BENCH, f"{self.name}{'.stopped' if self.stopped else ''}.{kind}")

    def check_cpus(self):
        asked = {self.args.client_cpu, self.args.server_cpu}
        if len(asked) < 2 or not asked <= os.sched_getaffinity(0):
            fail("client and server need a CPU each, of those allowed here; try --client-cpu and --server-cpu", 2)

    def run_round(self, number, runs, failed):
        """One more run of each cell; one that fails is not tried again."""
        for i, cell in enumerate(runs):
            if cell in failed:
                continue
            progress(f"round {number} of {self.args.rounds}, {i + 1} of {len(runs)}: {' '.join(cell)}")
            try:
                runs[cell].append(self.measure(*cell))
            except Failed as e:
                failed[cell] = str(e)

    def run_rounds(self, cells):
        """Of each cell its runs, and why those failed that did. A signal ends it, and
        leaves the rounds that are whole."""
        runs, failed = {cell: [] for cell in cells}, {}
        for r in range(self.args.rounds):
            try:
                self.run_round(r + 1, runs, failed)
            except Stopped as e:
                progress("")
                if not r:
                    raise
                self.stopped = e
                return {cell: some[:r] for cell, some in runs.items()}, failed
        progress("")
        return runs, failed

    def whole_rounds(self, runs, failed):
        """As many as each cell has that did not fail."""
        return min((len(some) for cell, some in runs.items() if cell not in failed), default=self.args.rounds)

    def run(self, cells):
        """The rounds, and what they ran on."""
        about = {"schema": self.schema, "machine": machine(),
                 **{key: getattr(self.args, key) for key in self.keep}}
        try:
            for role in self.roles:
                self.accounts[role] = Accounting(role)
            about["cpu_time"] = self.accounts[self.roles[0]].name
            with tempfile.TemporaryDirectory(prefix="osconcepts-bench-") as self.scratch:
                # Servers that run as somebody else read it.
                os.chmod(self.scratch, 0o755)
                self.prepare()
                runs, failed = self.run_rounds(cells)
        finally:
            for account in self.accounts.values():
                account.remove()
        about["rounds"] = self.whole_rounds(runs, failed)
        rows = [{"case": case, "program": program, **self.describe(case, program),
                 **({"failed": failed[case, program]} if (case, program) in failed else {"runs": some})}
                for (case, program), some in runs.items()]
        return about, rows

    def earlier(self):
        """The runs of the last time, to be told anew."""
        try:
            with open(self.file("json"), encoding="utf-8") as f:
                document = json.load(f)
        except (OSError, ValueError) as e:
            fail(f"{self.file('json')}: {e}; try without --render")
        if document.get("schema") != self.schema:
            fail(f"{self.file('json')} is not of {self.schema}; try without --render")
        return {k: v for k, v in document.items() if k not in ("rows", "goals")}, document["rows"]

    def tell(self, rows):
        """Figures, ratios: all that follows from the runs."""
        rows = [r if "failed" in r else {**r, **benchstat.summarize(r["runs"], self.metrics_of(r["case"]))}
                for r in rows]
        for row in rows:
            to, ratios = self.reference(row)
            other = next((r for r in rows if (r["case"], r["program"]) == (row["case"], to)), None)
            for name, metric in ratios.items():
                found = benchstat.ratio(row, other, metric)
                if found:
                    row[name] = found._asdict()
        return rows

    def main(self):
        os.chdir(TOP)
        self.args = self.parser.parse_args()
        if self.args.render:
            about, rows = self.earlier()
        else:
            self.check_cpus()
            check_built(self.needs)
            cells = self.choose()
            os.makedirs(BENCH, exist_ok=True)
            about, rows = self.run(cells)
        rows = self.tell(rows)
        goals = [judged for judged in (benchstat.judge(goal, rows) for goal in self.goals(rows)) if judged]
        with open(self.file("json"), "w", encoding="utf-8") as f:
            json.dump({**about, "rows": rows, "goals": goals}, f, indent=1)
        text = "\n\n".join(part for part in (self.table(rows, about), benchstat.goals_text(goals),
                                             benchstat.doubts_text(rows)) if part)
        with open(self.file("md"), "w", encoding="utf-8") as f:
            f.write(f"{text}\n")
        self.picture(rows, self.file("svg"))
        print(text)
        if self.stopped:
            say(f"stopped after {about['rounds']} of {self.args.rounds} rounds, which are in {self.file('json')}")
            raise self.stopped
        failed = sum("failed" in r for r in rows)
        invalid = sum(not benchstat.has_figures(r) for r in rows) - failed
        if self.args.write:
            self.publish(text, invalid, about, rows)
        if failed:
            fail(f"{failed} of {len(rows)} could not be measured: their rows say why")
        if invalid:
            fail(f"{invalid} of {len(rows)} have no valid figure: their rows say why; try again on an idle machine", 4)

    def publish(self, text, invalid, about, rows):
        """On the page in Documentation, in place of what is there: only complete tables with valid figures."""
        page = self.page()
        if self.args.only or self.args.case:
            say(f"{page} is left as it was: this is a part")
            return
        measured = [(r["case"], r["program"]) for r in rows if "failed" not in r]
        have = {program for _, program in measured}
        lacking = dict.fromkeys(f"{program} of {case}" if program in have else program
                                for case, program in self.complete(about) if (case, program) not in measured)
        if invalid:
            say(f"{page} is left as it was: not all figures are valid")
        elif not left_as_it_was(page, lacking):
            write_between(page, f"bench-{self.name}", text)

    def start(self):
        """As a program: its exit status is that of a signal that ended it."""
        def stop_now(number, _):
            # What is left to do ends soon, and has to be done.
            for number_again in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number_again, signal.SIG_IGN)
            raise Stopped(number)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop_now)
        try:
            self.main()
        except Stopped as e:
            sys.exit(e.status)


def about_text(about, took):
    """The line over a table."""
    return (f"{about['rounds']} round{'s' if about['rounds'] > 1 else ''} of {took}, {about['machine']['cpu']}, Linux "
            f"{about['machine']['kernel']}; medians, and in brackets {benchstat.interval_name(about['rounds'])}.")

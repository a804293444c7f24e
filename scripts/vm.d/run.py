#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Host side of one guest: starts QEMU, carries the command's input, output,
signals and exit status over the port (wire.h), judges the guest's log.

Called by scripts/vm with everything resolved; not meant to be typed.
"""

import argparse
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import tty

import report

# Exit statuses that are not the command's own; scripts/vm --help lists them.
REPORTED, TIMED_OUT, FAILED = 123, 124, 125

GRACE_S = 10        # between a passed signal and the end of the machine
DATA_MAX = 32768    # wire.h: WIRE_DATA_MAX
ESCAPE = b"\x1d"    # Ctrl-] on a terminal ends the machine


def say(text):
    print(f"vm: {text}", file=sys.stderr, flush=True)


class Ended(Exception):
    """The run is over before its command: the status, why, and whether the
    guest's log may tell more."""

    def __init__(self, status, why=None, see_log=True):
        super().__init__(why)
        self.status = status
        self.why = why
        self.see_log = see_log


class Stream:
    """One of our own outputs: takes bytes at the pace of its reader."""

    def __init__(self, fd):
        self.fd = fd
        self.pending = b""

    def flush_some(self):
        try:
            # A pipe that polls writable takes this much without blocking.
            n = os.write(self.fd, self.pending[: select.PIPE_BUF])
        except BrokenPipeError:
            raise Ended(128 + signal.SIGPIPE) from None
        except OSError as e:
            raise Ended(FAILED, f"cannot write the command's output: {e.strerror}; "
                        "try: make room, or send it elsewhere", see_log=False) from None
        self.pending = self.pending[n:]


def qemu_command(a, port_fd, log):
    def path(p):
        return p.replace(",", ",,")

    accel = {"kvm": "kvm", "tcg": "tcg,thread=single"}[a.accel]
    if a.icount:
        accel = "tcg"
    command = [
        "setpriv", "--pdeathsig", "KILL", "--",
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot",
        "-display", "none", "-monitor", "none",
        "-machine", "pc", "-accel", accel, "-cpu", a.cpu,
        "-smp", str(a.cpus), "-m", f"{a.mem}M",
        "-kernel", a.vmlinux, "-initrd", a.initrd,
        "-append", " ".join([
            "console=ttyS0 loglevel=5 panic=-1 printk.devkmsg=on "
            "tsc=reliable no_timer_check", a.append]),
        "-chardev", f"file,id=log,path={path(log)}", "-serial", "chardev:log",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=port,fd={port_fd}",
        "-device", "virtserialport,chardev=port,name=osconcepts",
        "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
        "-fsdev", f"local,id=out,path={path(a.out)},security_model=none,multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=out,mount_tag=out",
    ]
    if a.icount:
        command += ["-icount", "shift=0,sleep=off"]
    if a.plugin:
        command += ["-plugin", f"file={path(a.plugin)},dir={path(a.out)}"]
    return command


class Guest:
    """A running QEMU and the relay to the command in it."""

    def __init__(self, args, log):
        self.args = args
        self.log = log
        self.ready = False
        self.status = None
        self.signalled = None
        self.received = b""
        self.to_guest = b""
        self.may_send_input = False
        self.out, self.err = Stream(1), Stream(2)
        # A closed stdin is not an input; a terminal is one only in a shell.
        self.input = self.usable_input()
        self.deadline = time.monotonic() + args.timeout if args.timeout else None
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)
        self.qemu_says = tempfile.TemporaryFile()
        self.wake, wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_w)
        for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP,
                  signal.SIGQUIT, signal.SIGWINCH):
            if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN:  # nohup
                signal.signal(n, lambda *_: None)
        self.qemu = subprocess.Popen(
            qemu_command(args, theirs.fileno(), log),
            stdin=subprocess.DEVNULL, stdout=self.qemu_says, stderr=self.qemu_says,
            pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        self.qemu_fd = os.pidfd_open(self.qemu.pid)

    def usable_input(self):
        try:
            is_tty = os.isatty(0)
            os.fstat(0)
        except OSError:
            return False
        return self.args.tty or not is_tty

    # --- to the guest

    def send(self, kind, data=b""):
        self.to_guest += struct.pack("<II", ord(kind), len(data)) + data

    def command_blob(self):
        """The strings that receive_command() in run.c reads, in its order."""
        a = self.args
        size = self.terminal_size()
        strings = ["1" if a.tty else "0", "1" if self.input else "0",
                   str(size[0]), str(size[1]), a.cwd, a.out,
                   a.modules, f"/lib/modules/{a.release}"]
        for part in (a.command, a.env):
            strings += [str(len(part))] + part
        return b"".join(os.fsencode(s) + b"\0" for s in strings)

    @staticmethod
    def terminal_size():
        try:
            data = fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8)
            return struct.unpack("HHHH", data)[:2]
        except OSError:
            return 24, 80

    def send_input(self):
        try:
            data = os.read(0, DATA_MAX)
        except OSError:
            data = b""
        if self.args.tty and ESCAPE in data:
            raise Ended(128 + signal.SIGKILL, "ended by Ctrl-]")
        self.send("I", data)
        self.may_send_input = False
        if not data:
            self.input = False

    # --- from the guest

    def take_frames(self):
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            raise Ended(FAILED, self.death())
        self.received += data
        while len(self.received) >= 8:
            kind, length = struct.unpack_from("<II", self.received)
            if len(self.received) < 8 + length:
                break
            payload = self.received[8:8 + length]
            self.received = self.received[8 + length:]
            self.take_frame(chr(kind), payload)

    def take_frame(self, kind, payload):
        if kind == "O":
            self.out.pending += payload
        elif kind == "E":
            self.err.pending += payload
        elif kind == "R":
            self.ready = True
            self.send("C", self.command_blob())
            self.may_send_input = self.input
        elif kind == "A":
            self.may_send_input = self.input
        elif kind == "X":
            self.status = struct.unpack("<I", payload)[0]
        elif kind == "F":
            raise Ended(FAILED, "the guest failed: " + payload.decode(errors="replace"))
        else:
            raise Ended(FAILED, f"the guest sent an unknown frame {kind!r}")

    # --- what may happen meanwhile

    def death(self):
        """Why QEMU has ended by itself."""
        self.qemu.wait()
        self.qemu_says.seek(0)
        said = [line for line in self.qemu_says.read().decode(errors="replace").splitlines()
                if line.strip() and "warning:" not in line]
        if self.qemu.returncode and said:
            hint = "OSCONCEPTS_ACCEL=tcg" if self.args.accel == "kvm" else "scripts/vm doctor"
            return "QEMU failed: " + "; ".join(said[-3:]) + "; try: " + hint
        return "the guest ended before its command did"

    def take_signals(self):
        for number in os.read(self.wake, 64):
            if number == signal.SIGWINCH:
                if self.args.tty and self.ready:
                    self.send("W", struct.pack("<II", *self.terminal_size()))
                continue
            if not self.ready or self.signalled:
                raise Ended(128 + number)
            self.signalled = number
            self.send("S", struct.pack("<I", number))
            grace = time.monotonic() + GRACE_S
            self.deadline = min(self.deadline or grace, grace)

    def past_deadline(self):
        if self.deadline is None or time.monotonic() < self.deadline:
            return
        if self.signalled:
            raise Ended(128 + self.signalled,
                        f"the command did not end within {GRACE_S} s of the signal")
        raise Ended(TIMED_OUT, f"not done within {self.args.timeout:g} s"
                    + ("" if self.ready else " (the guest was still booting)"))

    def poll_once(self):
        poll = select.poll()
        # While an output waits for its reader the guest waits, too.
        waiting = self.out.pending or self.err.pending
        events = (0 if waiting else select.POLLIN) | (select.POLLOUT if self.to_guest else 0)
        poll.register(self.socket, events)
        poll.register(self.wake, select.POLLIN)
        if waiting:
            # The socket says POLLHUP whatever is asked for: leave it out.
            poll.unregister(self.socket)
            if self.to_guest:
                poll.register(self.socket, select.POLLOUT)
        for stream in (self.out, self.err):
            if stream.pending:
                poll.register(stream.fd, select.POLLOUT)
        if self.may_send_input and not self.to_guest:
            poll.register(0, select.POLLIN)
        left = None if self.deadline is None else max(0, self.deadline - time.monotonic())
        for fd, event in poll.poll(None if left is None else left * 1000 + 1):
            if fd == self.wake:
                self.take_signals()
            elif fd == 0 and self.may_send_input:
                self.send_input()
            elif fd in (1, 2):
                (self.out if fd == 1 else self.err).flush_some()
            elif fd == self.socket.fileno():
                if event & select.POLLOUT and self.to_guest:
                    self.to_guest = self.to_guest[self.socket.send(self.to_guest):]
                if event & ~select.POLLOUT and not waiting:
                    self.take_frames()

    def relay(self):
        """Until the command's status is here and its output has gone out."""
        while self.status is None or self.out.pending or self.err.pending:
            self.poll_once()
            self.past_deadline()
        return self.status

    def stop(self):
        self.qemu.kill()
        self.qemu.wait()


def run(args, log):
    """Returns the exit status and whether the log is worth keeping; what the
    person must know is printed."""
    guest = Guest(args, log)
    saved = termios.tcgetattr(0) if args.tty else None
    if args.tty:
        tty.setraw(0)
    why, see_log = None, False
    try:
        status = guest.relay()
        report.wait_for_end(log)
    except Ended as e:
        status, why, see_log = e.status, e.why, e.why and e.see_log
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
        guest.stop()
    found = report.find(log)
    if why:
        say(why)
    if found:
        say("the kernel reported: " + found[0])
        print("\n".join(found[1]), file=sys.stderr)
        return REPORTED, True
    tail = report.tail(log) if see_log else []
    if tail:
        print("\n".join(tail), file=sys.stderr)
    return status, bool(tail)


def main():
    p = argparse.ArgumentParser()
    for name in ("vmlinux", "initrd", "release", "modules", "accel", "cpu",
                 "append", "cwd", "out", "log", "plugin"):
        p.add_argument("--" + name, required=name not in ("log", "plugin"), default="")
    p.add_argument("--cpus", type=int, required=True)
    p.add_argument("--mem", type=int, required=True)
    p.add_argument("--timeout", type=float, required=True)
    p.add_argument("--icount", action="store_true")
    p.add_argument("--tty", action="store_true")
    p.add_argument("--env", action="append", default=[])
    p.add_argument("command", nargs="+")
    args = p.parse_args()

    log = args.log
    if not log:
        fd, log = tempfile.mkstemp(prefix="osconcepts-vm-", suffix=".log")
        os.close(fd)
    keep = True
    try:
        status, keep = run(args, log)
    finally:
        if not args.log and not keep:
            os.unlink(log)
    if keep:
        say(f"the guest's log: {log}")
    return status


if __name__ == "__main__":
    sys.exit(main())

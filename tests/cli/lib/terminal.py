#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal of a given size, that shows what a program has left on it.

    terminal.py [-s ROWSxCOLUMNS] [-e NAME=VALUE]... [-r TEXT=ROWSxCOLUMNS]
                [-k TEXT=SIGNAL] -- COMMAND...

Standard error of COMMAND is the terminal, standard output is not. When TEXT is
first on the screen, -r makes the terminal that size, and -k sends the signal.
Prints the exit status, "== first", the first picture, "== last", the one before
the screen was cleared, and "== left", what remains.
"""

import argparse
import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios

TIMEOUT_S = 100


class Screen:
    """As xterm does it, of what we use: CR, LF, cursor up, erasing, colours.
    When it becomes narrower, what does not fit goes to the next line."""

    SEQUENCE = re.compile(r"\x1b\[(\d*)([A-Za-z])")

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.lines, self.y, self.x = [""], 0, 0
        self.unknown = []

    def resize(self, rows, columns):
        lines, y = [], 0
        for i, line in enumerate(self.lines):
            if i == self.y:
                y = len(lines) + self.x // columns
                self.x %= columns
            lines += [line[at : at + columns] for at in range(0, len(line), columns)] or [""]
        self.lines, self.y = lines, y
        self.rows, self.columns = rows, columns

    def put(self, c):
        if self.x == self.columns:
            self.newline()
            self.x = 0
        line = self.lines[self.y].ljust(self.x)
        self.lines[self.y] = line[: self.x] + c + line[self.x + 1 :]
        self.x += 1

    def newline(self):
        self.y += 1
        if self.y == len(self.lines):
            self.lines.append("")

    def sequence(self, number, kind):
        if kind == "A":
            top = max(0, len(self.lines) - self.rows)
            self.y = max(top, self.y - int(number or 1))
        elif kind == "K":
            self.lines[self.y] = self.lines[self.y][: self.x]
        elif kind == "J":
            self.lines[self.y] = self.lines[self.y][: self.x]
            del self.lines[self.y + 1 :]
        elif kind != "m":
            self.unknown.append(kind)

    def feed(self, text):
        while text:
            found = self.SEQUENCE.match(text)
            if found:
                self.sequence(*found.groups())
                text = text[found.end() :]
                continue
            c, text = text[0], text[1:]
            if c == "\r":
                self.x = 0
            elif c == "\n":
                self.newline()
            elif c >= " ":
                self.put(c)
            else:
                self.unknown.append(c)

    def text(self):
        """What stands there; spaces at the end of a line are not seen."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")


def size(text):
    rows, columns = text.split("x")
    return int(rows), int(columns)


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("-s", dest="size", type=size, default=(24, 80))
    p.add_argument("-e", dest="environment", action="append", default=[])
    p.add_argument("-r", dest="resize")
    p.add_argument("-k", dest="kill")
    p.add_argument("command", nargs="+")
    return p.parse_args()


def pieces(terminal, end):
    """What comes, cut where a picture ends, however it was cut on its way."""
    got = b""
    while True:
        try:
            data = os.read(terminal, 1 << 20)
        except OSError:
            break
        got += data
        *whole, rest = re.split(f"(?<={end})", got.decode(errors="ignore"))
        yield from whole
        if whole:
            got = rest.encode()
    yield got.decode()


def main():
    args = arguments()
    ours, theirs = os.openpty()

    def set_size(rows, columns):
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    set_size(*args.size)
    # Somebody's prompt stands there before.
    screen = Screen(*args.size)
    screen.feed("before\r\n")
    environment = dict(os.environ, TERM="xterm")
    for setting in args.environment:
        name, value = setting.split("=", 1)
        environment[name] = value
    signal.alarm(TIMEOUT_S)
    child = subprocess.Popen(
        args.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=theirs, env=environment)
    os.close(theirs)
    pictures = []
    end = r"\x1b\[K" if environment["TERM"] in ("", "dumb") else r"\x1b\[J"
    for piece in pieces(ours, end):
        screen.feed(piece)
        if screen.text() != "before":
            pictures.append(screen.text())
        if args.resize:
            text, new = args.resize.split("=")
            if text in screen.text():
                args.resize = None
                set_size(*size(new))
                screen.resize(*size(new))
        if args.kill:
            text, name = args.kill.split("=")
            if text in screen.text():
                args.kill = None
                child.send_signal(getattr(signal, "SIG" + name))
    print("exit", child.wait())
    print("== first\n" + (pictures[0] if pictures else ""))
    print("== last\n" + (pictures[-1] if pictures else ""))
    print("== left\n" + screen.text())
    if screen.unknown:
        print("unknown", screen.unknown)
    return 0


sys.exit(main())

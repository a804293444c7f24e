#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of osconceptsd's control socket, polite and not.

    control_client.py SOCKET ask REQUEST…    each request's answer, a line each
    control_client.py SOCKET events REQUEST  everything up to the answer
    control_client.py SOCKET leave REQUEST   closes at the first event
    control_client.py SOCKET half REQUEST    shuts down its sending side at once
    control_client.py SOCKET long BYTES      a line without an end
    control_client.py SOCKET deaf REQUEST    asks on and on and never reads;
                                             prints when it is thrown out
    control_client.py SOCKET crowd COUNT     COUNT more clients that say nothing;
                                             prints what the last one is told
    control_client.py SOCKET wait COUNT      COUNT more clients that say nothing,
                                             until standard input ends
    control_client.py SOCKET flood COUNT     COUNT more clients that ask without
                                             end for a list and do not read,
                                             until all of them are blocked and
                                             standard input ends
"""

import json
import socket
import sys
import time

TIMEOUT_S = 60


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(TIMEOUT_S)
    s.connect(path)
    return s


def lines(s):
    with s.makefile("r", encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def is_event(line):
    return "event" in json.loads(line)


def ask(s, *requests):
    answers = lines(s)
    for request in requests:
        try:
            s.sendall(request.encode() + b"\n")
        except BrokenPipeError:
            pass  # turned away; it may have said why
        for line in answers:
            if not is_event(line):
                print(line, flush=True)
                break
        else:
            print("closed")
            return


def events(s, request):
    s.sendall(request.encode() + b"\n")
    for line in lines(s):
        print(line, flush=True)
        if not is_event(line):
            return


def leave(s, request):
    s.sendall(request.encode() + b"\n")
    print(next(lines(s)))


def half(s, request):
    s.sendall(request.encode() + b"\n")
    s.shutdown(socket.SHUT_WR)
    for line in lines(s):
        if not is_event(line):
            print(line)
    print("closed")


def long(s, count):
    try:
        s.sendall(b"x" * int(count))
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        for line in lines(s):
            print(line)
    except ConnectionResetError:
        pass
    print("closed")


def deaf(s, request):
    start = time.monotonic()
    try:
        while time.monotonic() - start < TIMEOUT_S:
            s.sendall((request.encode() + b"\n") * 100)
    except (BrokenPipeError, ConnectionResetError):
        print("thrown out")


def crowd(s, count):
    others = [connect(s.getpeername()) for _ in range(int(count))]
    print(next(lines(others[-1])))


def wait(s, count):
    others = [connect(s.getpeername()) for _ in range(int(count))]
    print(len(others), flush=True)
    sys.stdin.read()


def flood(s, count):
    requests = b'{"op":"list"}\n' * 10000
    others = [connect(s.getpeername()) for _ in range(int(count))]
    for other in others:
        other.setblocking(False)
    # What the daemon will not read fills the socket, then nothing moves.
    still = 0
    while still < 20:
        still += 1
        for other in others:
            try:
                other.send(requests)
                still = 0
            except BlockingIOError:
                pass
        time.sleep(0.05)
    print("blocked", flush=True)
    sys.stdin.read()


CHECKS = (ask, events, leave, half, long, deaf, crowd, wait, flood)

if __name__ == "__main__":
    check = {c.__name__: c for c in CHECKS}[sys.argv[2]]
    check(connect(sys.argv[1]), *sys.argv[3:])

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of 'osconcepts serve' that no tool of the trade is: slow, hostile,
cut into pieces, or counting to the last answer. Loopback only, all bounded.

    http_client.py CHECK PORT [ARGUMENTS]      (the checks are at the end)
"""

import os
import re
import select
import signal
import socket
import struct
import sys
import threading
import time

# Nothing takes so long, on however busy a machine.
TIMEOUT_S = 60
# Who sends the next request so soon after the last one is in time for the last
# call after SIGTERM: half of OSC_SERVER_LAST_CALL_NS.
PROMPT_S = 0.1
# Bounds what nobody has ended.
HELD_S = 600
TOO_LATE = 3


class Failed(Exception):
    """What was expected did not happen."""


class TooLate(Exception):
    """This machine was too slow for the check to tell anything."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def request(path, method="GET", fields="", body=b""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: test\r\n{length}{fields}\r\n"
    return head.encode() + body


def read_all(s):
    """All that comes until the server closes; a reset counts as the end."""
    data = bytearray()
    try:
        while piece := s.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return bytes(data)


class Answers:
    """Reads answers off a connection, one after another."""

    def __init__(self, s):
        self.socket = s
        self.data = b""

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError
        self.data += piece

    def next(self, head_only=False):
        """(status, head, body); EOFError when the connection ended before."""
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        text = head.decode()
        length = int(re.search(r"Content-Length: (\d+)", text)[1])
        if head_only or text.startswith("HTTP/1.1 100"):
            length = 0
        while len(self.data) < length:
            self._more()
        body, self.data = self.data[:length], self.data[length:]
        return int(text.split()[1]), text, body


def status_of(port, data):
    """The status of the first answer to data, or 0 if there is none."""
    with connect(port) as s:
        s.sendall(data)
        answer = read_all_or_one(s)
        return int(answer.split()[1]) if answer else 0


def read_all_or_one(s):
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            piece = s.recv(65536)
            if not piece:
                break
            data += piece
    except ConnectionResetError:
        pass
    return data


def without_dates(data):
    return re.sub(rb"Date: [^\r]*", b"Date:", data)


def pieces(port):
    """A pipeline in pieces of every size gets the answers it gets whole."""
    data = b"".join([
        request("/"), request("/", "HEAD"), request("/bytes/3000"), request("/none"),
        request("/", "POST", body=b"GET / HTTP"), b"\r\n", request("/sleep/100"),
        request("/work/10"), request("/", fields="Connection: close\r\n"),
    ])

    def answers(size):
        with connect(port) as s:
            for at in range(0, len(data), size):
                s.sendall(data[at:at + size])
            return without_dates(read_all(s))

    whole = answers(len(data))
    expect(whole.count(b"HTTP/1.1 ") == 8, f"8 answers expected: {whole}")
    for size in list(range(1, 80)) + [100, 200, 300]:
        got = answers(size)
        expect(got == whole, f"pieces of {size}: {got} instead of {whole}")


def deep_pipeline(port, count="2000"):
    """Thousands of requests at once, answers read only when all are sent."""
    count = int(count)
    with connect(port) as s:
        sender = threading.Thread(target=s.sendall, args=(request("/bytes/100") * count,))
        sender.start()
        answers = Answers(s)
        for _ in range(count):
            status, _, body = answers.next()
            expect(status == 200 and len(body) == 100, f"{status}, {len(body)} bytes")
        sender.join()


def statuses(port):
    """Each refusal has its status, and leaves a server that goes on."""
    cases = [
        (request("/"), 200),
        (request("/none"), 404),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00", 400),
        (b"GET /\r\n\r\n", 400),
        (request("/", "POST"), 405),
        (request("/", "DELETE"), 405),
        (request("/", "BREW"), 501),
        (request("/", fields="Transfer-Encoding: chunked\r\n"), 501),
        (request("/", "POST", "Content-Length: 99999999999\r\n"), 413),
        (request("/", fields="Expect: a-miracle\r\n"), 417),
        (request("/" + "x" * 5000), 414),
        (request("/", fields="X: " + "y" * 9000 + "\r\n"), 431),
        (request("/", fields="X: y\r\n" * 200), 431),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (request("/"), 200),
    ]
    for data, want in cases:
        got = status_of(port, data)
        expect(got == want, f"{data[:60]}: {got} instead of {want}")


def big_refusal(port):
    """A refusal arrives though the client was still sending a long body."""
    with connect(port) as s:
        s.sendall(request("/", "POST", "Content-Length: 8000000\r\n"))
        try:
            s.sendall(b"x" * 4000000)
        except OSError:
            pass
        data = read_all(s)
        expect(data.startswith(b"HTTP/1.1 413 "), f"{data[:80]}")


def expect_continue(port):
    with connect(port) as s:
        s.sendall(request("/", "POST", "Expect: 100-continue\r\nContent-Length: 5\r\n"))
        data = s.recv(100)
        expect(data == b"HTTP/1.1 100 Continue\r\n\r\n", f"{data}")
        s.sendall(b"hello")
        expect(Answers(s).next()[0] == 405, "405 expected")


def half_close(port):
    """A client that shuts its sending side still gets all answers."""
    with connect(port) as s:
        s.sendall(request("/sleep/50000") + request("/bytes/200000"))
        s.shutdown(socket.SHUT_WR)
        data = read_all(s)
        expect(data.count(b"HTTP/1.1 200") == 2, f"{data[:200]}")
        expect(len(data) > 200000, f"{len(data)} bytes")


def reset(port, count="50"):
    """Clients that vanish at every moment; the server goes on."""
    starts = [b"", b"GET / HT", request("/"), request("/bytes/50000000"),
              request("/sleep/10000000"), request("/") * 50, b"\x00"]
    for i in range(int(count)):
        s = connect(port)
        s.sendall(starts[i % len(starts)])
        # Linger 0: close() sends a reset.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    expect(status_of(port, request("/")) == 200, "the server does not answer")


def slow_head(port):
    """A request that drips is ended by the header timeout, with a 408."""
    start = time.monotonic()
    with connect(port) as s:
        data = b""
        s.settimeout(0.02)
        for byte in request("/", fields="X: " + "y" * 2000 + "\r\n"):
            try:
                s.sendall(bytes([byte]))
                data = s.recv(100)
                break
            except socket.timeout:
                expect(time.monotonic() - start < TIMEOUT_S, "never ended")
        expect(data.startswith(b"HTTP/1.1 408 "), f"{data}")


def idle(port):
    """A silent connection is closed without a word."""
    with connect(port) as s:
        expect(read_all(s) == b"", "an answer to nothing")
    with connect(port) as s:
        s.sendall(request("/"))
        expect(read_all(s).count(b"HTTP/1.1") == 1, "one answer expected")


def is_open(port, s):
    """Whether the server has the other end of s open. Its FIN would not show:
    it waits behind all that we have not read.
    """
    ends = f":{port:04X} ", f":{s.getsockname()[1]:04X} 01 "
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(ends[0] in line and ends[1] in line for line in table)


def slow_reader(port):
    """Who does not read is closed by the write timeout; others go on."""
    with connect(port) as s:
        s.sendall(request("/bytes/1000000000"))
        s.recv(1000)
        for _ in range(5):
            expect(status_of(port, request("/")) == 200, "others must go on")
        end = time.monotonic() + TIMEOUT_S
        while is_open(port, s):
            expect(time.monotonic() < end, "never closed")
            time.sleep(0.05)
        data = 0
        try:
            while piece := s.recv(1 << 20):
                data += len(piece)
                expect(data < 1000000000, "the whole body came")
        except ConnectionResetError:
            pass


def drip(port):
    """Taking a few bytes at a time does not keep the server's end open."""
    end = time.monotonic() + TIMEOUT_S
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(TIMEOUT_S)
        s.connect(("127.0.0.1", port))
        s.sendall(request("/bytes/1000000000"))
        while is_open(port, s):
            expect(time.monotonic() < end, "never closed")
            s.recv(400)
            time.sleep(0.02)


def idle_many(port, count):
    """Idle connections do not keep others from being served."""
    many = [connect(int(port)) for _ in range(int(count))]
    for s in many[::10]:
        s.sendall(request("/"))
        expect(Answers(s).next()[0] == 200, "200 expected")
    expect(status_of(port, request("/")) == 200, "200 expected")
    for s in many:
        s.close()


class Loaders:
    """Clients that ask until the server ends, and count what was lost: a
    request that was sent promptly on a connection nobody had said it was the
    last of, and got no answer.
    """

    def __init__(self, port, keep):
        self.port = port
        self.keep = keep
        self.lock = threading.Lock()
        self.answered = 0
        self.lost = []
        self.ended = threading.Event()

    def run(self):
        path = request("/work/100", fields="" if self.keep else "Connection: close\r\n")
        while not self.ended.is_set():
            try:
                s = connect(self.port)
            except OSError:
                return
            with s:
                self._converse(s, path)

    def _converse(self, s, data):
        answers = Answers(s)
        got = 0
        before = sent = float("-inf")
        while True:
            try:
                before, sent = sent, time.monotonic()
                s.sendall(data)
                sent = time.monotonic()
                status, head, body = answers.next()
                expect(status == 200 and body == b"Hello, world\n", head)
            except (OSError, EOFError, Failed) as e:
                # With no answer yet: refused in the backlog, not accepted.
                # A late one: time was up for idle connections.
                if answers.data or sent - before < PROMPT_S:
                    with self.lock:
                        self.lost.append(f"after {got}: {e!r}")
                return
            got += 1
            with self.lock:
                self.answered += 1
            if "Connection: close" in head:
                return


def under_load(port, keep, pid, signal_name="TERM"):
    """SIGTERM in mid-load loses no request on an accepted connection."""
    loaders = Loaders(port, keep == "keep")
    threads = [threading.Thread(target=loaders.run) for _ in range(8)]
    for t in threads:
        t.start()
    while loaders.answered < 200:
        time.sleep(0.01)
    os.kill(int(pid), getattr(signal, "SIG" + signal_name))
    for t in threads:
        t.join(TIMEOUT_S)
    loaders.ended.set()
    expect(not loaders.lost, f"{len(loaders.lost)} lost: {loaders.lost[:3]}")
    print(loaders.answered)


def refuses(port):
    try:
        connect(port).close()
        return False
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # it was in the backlog as that was closed


def is_readable(s):
    return bool(select.select([s], [], [], 0)[0])


def in_flight(port, pid, sleep_us):
    """What was asked before SIGTERM is answered, what comes after refused."""
    with connect(port) as sleeper, connect(port) as reader:
        reader.sendall(request("/bytes/30000000"))
        reader.recv(1000)
        # The first answer shows that the second request has been read too.
        sleeper.sendall(request("/") + request(f"/sleep/{sleep_us}"))
        answers = Answers(sleeper)
        answers.next()
        os.kill(int(pid), signal.SIGTERM)
        end = time.monotonic() + TIMEOUT_S
        while not refuses(port):
            expect(time.monotonic() < end, "still accepts after SIGTERM")
            time.sleep(0.02)
        slept = is_readable(sleeper)
        status, head, _ = answers.next()
        expect(status == 200, head)
        expect(len(read_all(reader)) >= 30000000 - 1000 - 8192, "a cut body")
        if slept:
            raise TooLate(f"{sleep_us} us were over before the server had stopped")
        expect("Connection: close" in head, head)


def turns(port, count, total):
    """COUNT clients at once connect, ask once and close, TOTAL times together."""
    left = iter(range(int(total)))
    failures = []

    def client():
        try:
            for _ in left:
                with connect(port) as s:
                    s.sendall(request("/", fields="Connection: close\r\n"))
                    expect(b"200 OK" in read_all(s), "a connection was dropped")
        except (Failed, OSError) as e:
            failures.append(e)

    threads = [threading.Thread(target=client) for _ in range(int(count))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expect(not failures, failures)


def working(port, work_us):
    """Work keeps nobody from being answered, and may lose its client."""
    with connect(port) as worker, connect(port) as other:
        gone = connect(port)
        gone.sendall(request(f"/work/{work_us}"))
        worker.sendall(request(f"/work/{work_us}") * 3)
        answers = Answers(other)
        for _ in range(20):
            other.sendall(request("/"))
            expect(answers.next()[0] == 200, "no answer")
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        if is_readable(worker):
            raise TooLate(f"{work_us} us were over before the others were answered")
        answers = Answers(worker)
        for _ in range(3):
            expect(answers.next()[0] == 200, "work without an answer")


def held(port, count, path="", least=None):
    """Makes connections and asks once on each; prints a line when the LEAST
    first (all) have been answered, and holds them until it is killed. A request
    for PATH, sent with the first, is under way then.
    """
    many = []
    for _ in range(int(count)):
        s = connect(port)
        s.sendall(request("/") + (request(path) if path else b""))
        many.append(s)
    for s in many[:int(least or count)]:
        Answers(s).next()
    print("held", flush=True)
    signal.alarm(HELD_S)
    signal.pause()


def waiting(port, count, victim=None):
    """More connections than the server takes, or than it would answer if this
    did not kill the victim: all are answered in the end.
    """
    many = [connect(port) for _ in range(int(count))]
    for s in many:
        s.sendall(request("/", fields="Connection: close\r\n"))
    if victim:
        os.kill(int(victim), signal.SIGKILL)
    for s in many:
        expect(b"200 OK" in read_all(s), "a connection was dropped")
        s.close()


CHECKS = [pieces, deep_pipeline, statuses, big_refusal, expect_continue, half_close, reset,
          slow_head, idle, slow_reader, drip, idle_many, under_load, in_flight, turns, working, held, waiting]


def main():
    check = {c.__name__: c for c in CHECKS}[sys.argv[1]]
    try:
        check(int(sys.argv[2]), *sys.argv[3:])
    except TooLate as e:
        print(f"{sys.argv[1]}: {e}", file=sys.stderr)
        sys.exit(TOO_LATE)
    except (Failed, socket.timeout, EOFError) as e:
        print(f"{sys.argv[1]}: {e!r}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of 'osconcepts serve' that no tool of the trade is: slow, hostile,
cut into pieces, or counting to the last answer. Loopback only, all bounded.

    http_client.py CHECK PORT [ARGUMENTS]      (the checks are at the end)
"""

import os
import re
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
from email.utils import parsedate_to_datetime

# Nothing takes so long, on however busy a machine.
TIMEOUT_S = 60
# Who sends the next request so soon after the last one is in time for the last
# call after SIGTERM: half of OSC_SERVER_LAST_CALL_NS.
PROMPT_S = 0.1
# Bounds what nobody has ended.
HELD_S = 600
TOO_LATE = 3
# A worker that is killed is started again so long after its start: OSC_RESTART_NS.
LEAST_LIFE_S = 0.02
# Requests by which a server has used whatever it uses in turn: io_uring has 1024
# buffers for each of two rings, and which ring gets a connection is chance.
WARM_UP = 3000
# What is measured is not how many may be served at once.
TOGETHER = 50
# A page at each end of some tables, in some processes; what the allocator takes
# at a time.
TABLE_ENDS = 256 << 10


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


def pieces(port, count="8"):
    """Requests (8 of them, or the last COUNT) in pieces of every size get the
    answers that they get whole.
    """
    count = int(count)
    data = b"".join([
        request("/"), request("/", "HEAD"), request("/bytes/3000"), request("/none"),
        request("/", "POST", body=b"GET / HTTP"), b"\r\n" + request("/sleep/100"),
        request("/work/10"), request("/", fields="Connection: close\r\n"),
    ][-count:])

    def answers(size):
        with connect(port) as s:
            for at in range(0, len(data), size):
                s.sendall(data[at:at + size])
            return without_dates(read_all(s))

    whole = answers(len(data))
    expect(whole.count(b"HTTP/1.1 ") == count, f"{count} answers expected: {whole}")
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


def no_body(port, data, want):
    """The same request with HEAD: the status, and nothing behind the head."""
    with connect(port) as s:
        s.sendall(b"HEAD " + data.split(b" ", 1)[1])
        s.shutdown(socket.SHUT_WR)
        answer = read_all(s)
        expect(answer.startswith(b"HTTP/1.1 %d " % want), f"HEAD {data[:60]}: {answer[:80]}")
        expect(answer.index(b"\r\n\r\n") + 4 == len(answer), f"HEAD {data[:60]}: {answer}")


def statuses(port):
    """Each refusal has its status, without a body for HEAD, and leaves a server that goes on."""
    cases = [
        (request("/"), 200),
        (request("/none"), 404),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 200),
        (request("http://a?b=/none"), 200),
        (request("http://a b/"), 400),
        (request("http://u@a/"), 400),
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
        if data.startswith(b"GET "):
            no_body(port, data, want)


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


def narrow(port):
    """A connection whose client has room for little that it has not read."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(TIMEOUT_S)
    s.connect(("127.0.0.1", port))
    return s


def send_late(s):
    """Bytes behind the last request, again and again, while nothing is read."""
    for _ in range(10):
        try:
            s.sendall(b"GET / HTTP/1.1\r\n")
        except OSError:
            return
        time.sleep(0.01)


def late_input(port):
    """Input that comes late takes nothing from a client of the last response."""
    for version, fields in (("1.1", "Connection: close\r\n"), ("1.0", "")):
        for size in (0, 60000, 300000):
            with narrow(port) as s:
                s.sendall(f"GET /bytes/{size} HTTP/{version}\r\nHost: a\r\n{fields}\r\n".encode())
                data = s.recv(1)
                send_late(s)
                try:
                    while piece := s.recv(65536):
                        data += piece
                except ConnectionResetError as e:
                    raise Failed(f"{len(data)} bytes of {size} and {e}") from e
                body = data.split(b"\r\n\r\n", 1)[1]
                expect(len(body) == size, f"{len(body)} bytes of {size}")


def never_closes(port, count):
    """Clients that send on behind their last request, never close, and do not read
    all; prints a line when each has got something, and holds them until it is killed.
    """
    many = [narrow(port) for _ in range(int(count))]
    for i, s in enumerate(many):
        s.sendall(request(f"/bytes/{i % 2 * 500000}", fields="Connection: close\r\n") + b"GET")
    for s in many:
        s.recv(1)
        send_late(s)
    print("held", flush=True)
    signal.alarm(HELD_S)
    signal.pause()


def expect_continue(port):
    with connect(port) as s:
        s.sendall(request("/", "POST", "Expect: 100-continue\r\nContent-Length: 5\r\n"))
        data = s.recv(100)
        expect(data == b"HTTP/1.1 100 Continue\r\n\r\n", f"{data}")
        s.sendall(b"hello")
        expect(Answers(s).next()[0] == 405, "405 expected")


def half_close(port, count="2"):
    """A client that shuts its sending side still gets all answers, 1 or 2."""
    count = int(count)
    with connect(port) as s:
        s.sendall(b"".join([request("/sleep/50000"), request("/bytes/200000")][-count:]))
        s.shutdown(socket.SHUT_WR)
        data = read_all(s)
        expect(data.count(b"HTTP/1.1 200") == count, f"{data[:200]}")
        expect(len(data) > 200000, f"{len(data)} bytes")


def reset(port, count="50", sleep_us="10000000"):
    """Clients that vanish at every moment; the server goes on."""
    starts = [b"", b"GET / HT", request("/"), request("/bytes/50000000"),
              request(f"/sleep/{sleep_us}"), request("/") * 50, b"\x00"]
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


def drip(port, size):
    """Taking few bytes at a time does not keep the server's end open."""
    end = time.monotonic() + TIMEOUT_S
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(TIMEOUT_S)
        s.connect(("127.0.0.1", port))
        s.sendall(request("/bytes/1000000000"))
        while is_open(port, s):
            expect(time.monotonic() < end, "never closed")
            s.recv(int(size))
            time.sleep(0.02)


def ask_once(s, path="/", fields=""):
    """The head of the answer, which is to be a 200."""
    s.sendall(request(path, fields=fields))
    status, head, _ = Answers(s).next()
    expect(status == 200, head)
    return head


def workers_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


def private_bytes(pid):
    """What a server and its workers have written, and share with nobody. Clean
    pages are those of files, which come and go as the kernel likes.
    """
    total = 0
    for process in [int(pid), *workers_of(pid)]:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as f:
            lines = [line.split() for line in f]
        total += sum(int(line[1]) << 10 for line in lines if line[0] in ("Private_Dirty:", "Swap:"))
    return total


def serve_some(port, count, fields=""):
    """So many new connections, that have each been answered once."""
    some = [connect(port) for _ in range(count)]
    for s in some:
        s.sendall(request("/", fields=fields))
    for s in some:
        expect(Answers(s).next()[0] == 200, "200 expected")
    return some


def idle_many(port, count, pid=None, most_bytes=None):
    """Idle connections, which have been served once, keep nobody from being
    served, and cost MOST_BYTES of memory each, beside what a page is cut off by.
    """
    count = int(count)
    many = []
    if most_bytes:
        for _ in range(0, WARM_UP, TOGETHER):
            serve_some(port, TOGETHER, "Connection: close\r\n")
        before = private_bytes(pid)
    while len(many) < count:
        many += serve_some(port, min(TOGETHER, count - len(many)))
    if most_bytes:
        used = private_bytes(pid) - before
        print(f"{used / count:.1f} bytes for each of {count}", file=sys.stderr)
        expect(used <= count * int(most_bytes) + TABLE_ENDS, f"{most_bytes} are allowed")
    for s in [*many[::count // 10], connect(port)]:
        ask_once(s)
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
        before = sent = time.monotonic()
        while True:
            try:
                before, sent = sent, time.monotonic()
                s.sendall(data)
                sent = time.monotonic()
                status, head, body = answers.next()
                expect(status == 200 and body == b"Hello, world\n", head)
            except (OSError, EOFError, Failed) as e:
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


def short_of_memory(port, pid, meanwhile="yes", some="yes"):
    """A worker that gets no more memory refuses whom it cannot serve, serves the
    others to the end, meanwhile too, and has room again when they have gone.
    Prints how many were refused; with `some`, at least one has to be.
    """
    well = connect(port)
    ask_once(well)
    worker = workers_of(pid)[0]
    with open(f"/proc/{worker}/statm", encoding="ascii") as f:
        bytes_now = int(f.read().split()[0]) * resource.getpagesize()
    most = resource.prlimit(worker, resource.RLIMIT_AS)[1]
    resource.prlimit(worker, resource.RLIMIT_AS, (bytes_now + (256 << 10), most))
    head = request("/", fields="Connection: close\r\nX: " + "y" * 7000 + "\r\n")
    many = []
    for _ in range(200):
        s = connect(port)
        s.sendall(head[:-2])
        many.append(s)
    if meanwhile == "yes":
        ask_once(well)
    # A request is answered, and its memory free, as soon as it is whole: a server
    # that got no CPU meanwhile has not looked at any of them yet.
    if some == "yes":
        until(lambda: any(is_readable(s) for s in many))
    refused = [s for s in many if is_readable(s)]
    waits = [s for s in many if s not in refused]
    for s in refused:
        expect(read_all(s).startswith(b"HTTP/1.1 503 "), "503 expected")
    for s in waits:
        s.sendall(head[-2:])
    for s in waits:
        # Who had not been looked at by then may be refused as well.
        answer = read_all(s)
        expect(b"HTTP/1.1 200 " in answer or b"HTTP/1.1 503 " in answer, "no answer")
        if b"HTTP/1.1 503 " in answer:
            refused.append(s)
    expect(len(refused) < len(many), "nobody was served")
    for s in many:
        s.close()
    # A thread that ends has what the next one needs for a while.
    end = time.monotonic() + TIMEOUT_S
    again = b""
    while b"HTTP/1.1 200 " not in again:
        expect(time.monotonic() < end, "no room again")
        with connect(port) as s:
            s.sendall(head[:-2])
            if meanwhile == "yes":
                ask_once(well)
            if not is_readable(s):
                s.sendall(head[-2:])
            again = read_all(s)
            if b"HTTP/1.1 503 " in again:
                refused.append(s)
    ask_once(well)
    print(len(refused))


def clock_jumps(port, jump_file, keep):
    """Nobody is ended or kept waiting because somebody sets the clock: who stays
    idle, who sleeps; where one is served at a time (keep is "close"), he.
    """
    def jump(days):
        with open(jump_file, "r+b") as f:
            f.write(struct.pack("q", days * 86400))

    def expect_date(head, days):
        date = parsedate_to_datetime(re.search("Date: (.*)", head)[1]).timestamp()
        off = date - time.time() - days * 86400
        expect(abs(off) < TIMEOUT_S, f"{days} days away, and {off} s more: {head}")

    if keep != "keep":
        for days in (0, 400, -400):
            with connect(port) as s:
                jump(days)
                expect_date(ask_once(s), days)
        return
    with connect(port) as stays:
        for days in (0, 400, -400):
            with connect(port) as sleeper:
                # The first answer shows that the second request has been read too.
                sleeper.sendall(request("/") + request("/sleep/100000"))
                answers = Answers(sleeper)
                answers.next()
                jump(days)
                expect_date(ask_once(stays), days)
                expect(answers.next()[0] == 200, "no answer after a sleep")


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


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        # Reaped before the file was opened, or before it was read.
        return False


def killed_again_and_again(port, pid, count="25"):
    """Workers that a signal kills one after another: each request is answered, and the
    last ones are not much later than the first.
    """
    waits = []
    for _ in range(int(count)):
        until(lambda: workers_of(int(pid)))
        killed = time.monotonic()
        victims = workers_of(int(pid))
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        # Until then they may accept.
        until(lambda: not any(map(is_alive, victims)))
        with connect(port) as s:
            s.sendall(request("/", fields="Connection: close\r\n"))
            expect(b"200 OK" in read_all(s), f"no answer to request {len(waits)}")
        waits.append(time.monotonic() - killed)
    # Of the first ones none is waited for, whatever comes later.
    first, last = min(waits[:2]), sorted(waits[-9:])[4]
    expect(last < 10 * (first + LEAST_LIFE_S), f"{last:.3f} s at last, {first:.3f} s at first")


def stopped_full(port, pid, room="4", more="16"):
    """At the stop all room is taken and more are connected: all are answered."""
    many = [connect(port) for _ in range(int(room) + int(more))]
    for i, s in enumerate(many):
        s.sendall(request("/sleep/500000" if i < int(room) else "/"))
    os.kill(int(pid), signal.SIGTERM)
    for s in many:
        expect(b"200 OK" in read_all(s), "a connection was dropped")
        s.close()


def backlog_waits(port, pid, room="4"):
    """No more descriptors are open than there is room for, however many come at once."""
    worker, = workers_of(int(pid))

    def descriptors():
        return len(os.listdir(f"/proc/{worker}/fd"))

    before = descriptors()
    os.kill(worker, signal.SIGSTOP)
    many = [connect(port) for _ in range(40)]
    for s in many:
        s.sendall(request("/sleep/300000"))
    os.kill(worker, signal.SIGCONT)
    for s in many:
        expect(b"200 OK" in read_all_or_one(s), "a connection was dropped")
        expect(descriptors() - before <= int(room), f"{descriptors() - before} descriptors more")
        s.close()


def is_stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"


def until(holds):
    end = time.monotonic() + TIMEOUT_S
    while not holds():
        expect(time.monotonic() < end, "it does not happen")
        time.sleep(0.01)


def killed_untaken(port, pid):
    """What is passed to a worker that dies without taking it goes to another."""
    with connect(port) as busy:
        ask_once(busy)
        # Whoever accepts has an idle worker first: the last to be forked.
        until(lambda: len(workers_of(pid)) == 2)
        victim = workers_of(pid)[-1]
        os.kill(victim, signal.SIGSTOP)
        until(lambda: is_stopped(victim))
        with connect(port) as passed:
            passed.sendall(request("/"))
            # It is thought to be busy, and another one takes its place.
            until(lambda: len(workers_of(pid)) == 3)
            os.kill(victim, signal.SIGKILL)
            status, head, _ = Answers(passed).next()
            expect(status == 200, head)


CHECKS = [killed_untaken, killed_again_and_again, late_input, never_closes, pieces, deep_pipeline, statuses, big_refusal, expect_continue, half_close, reset,
          slow_head, idle, slow_reader, drip, idle_many, under_load, in_flight, turns, working,
          short_of_memory, clock_jumps, held, waiting, stopped_full, backlog_waits]


def main():
    check = {c.__name__: c for c in CHECKS}[sys.argv[1]]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
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

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server as no server should be, for who loads it: its port is printed, then it
treats each connection as its argument says.

reset   the first request is answered by a reset
cut     the answer is cut off in its body
silent  nothing is answered
slow    requests are read a small piece at a time, and answered when whole
keep    it is said to be closed with each answer, and is not
leave   the connection is closed with the first response, which does not say so
last    likewise, and it does say so
drop    likewise with the second request, which is read and not answered
hang-up the connection is closed when the first bytes have come
odd     each answer is framed in another way that RFC 9112 allows
flood   a chunk of 512 MiB, then chunks of one byte without end
fields  fields without end
line    a field of one line without end
interim 103 Early Hints without end
blank   empty lines without end, before any answer
chatter the answer, then empty lines without end
extend  a chunk whose extension has no end
drip    a body of a byte every 10 ms, without end

With TLS, by the certificate and the key that follow:

half    every other connection is closed in the handshake, the rest after an
        answer
cut-off a body that ends with the connection, which ends without close_notify
in-order the same, with it
notice  200 while each client that closed said so before, and 500 after that
rekey   KeyUpdate messages that want one each, without end, and nothing is read
tls-HOW what HOW, one of the above, does
"""

import ctypes
import itertools
import re
import socket
import ssl
import struct
import sys
import threading
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
PIECE = 65536


def reset(connection):
    connection.recv(PIECE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def cut(connection):
    connection.recv(PIECE)
    connection.sendall(ANSWER.replace(b"Length: 2", b"Length: 200"))
    connection.shutdown(socket.SHUT_WR)
    connection.recv(PIECE)


def silent(connection):
    while connection.recv(PIECE):
        pass


def slow(connection):
    data = b""
    while True:
        head, found, rest = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", head)[1]) if found else 0
        if found and len(rest) >= length:
            connection.sendall(ANSWER)
            data = rest[length:]
            continue
        piece = connection.recv(PIECE)
        if not piece:
            return
        data += piece


def keep(connection):
    while connection.recv(PIECE):
        connection.sendall(ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


def hang_up(connection):
    connection.recv(PIECE)


def leave(connection):
    connection.recv(PIECE)
    # The response and the end arrive as one.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    connection.sendall(ANSWER)


def last(connection):
    connection.recv(PIECE)
    connection.sendall(ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    connection.shutdown(socket.SHUT_WR)
    silent(connection)


def drop(connection):
    if connection.recv(PIECE):
        connection.sendall(ANSWER)
        connection.recv(PIECE)


STATUS = b"HTTP/1.1 200 OK\r\n"
LONG = b"x" * 1000
ODD = (
    STATUS + b"X: y\r\n folded\r\nContent-Length:\r\n\t2\r\n\r\nOK",
    STATUS + b"Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\nOK\r\n",
    STATUS + b"Connection: " + LONG + b",\r\n " + LONG + b"\r\nContent-Length: 2\r\n\r\nOK",
    STATUS + b"Transfer-Encoding:" + b" " * 1000 + b"chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n\r\n",
)


def odd(connection):
    for answer in itertools.cycle(ODD):
        if not connection.recv(PIECE):
            return
        connection.sendall(answer)


def repeat(first, more):
    """Who sends the one, and then the other without end."""
    def how(connection):
        connection.recv(PIECE)
        connection.sendall(first)
        while True:
            connection.sendall(more * (PIECE // len(more)))
    return how


def flood(connection):
    connection.recv(PIECE)
    connection.sendall(STATUS + b"Transfer-Encoding: chunked\r\n\r\n20000000\r\n")
    for _ in range(0x20000000 // PIECE):
        connection.sendall(bytes(PIECE))
    connection.sendall(b"\r\n")
    while True:
        connection.sendall(b"1\r\nx\r\n" * 100000)


def drip(connection):
    connection.recv(PIECE)
    connection.sendall(STATUS + b"\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.01)


class Secure:
    def __init__(self, how, certificate, key):
        self.how = how
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)

    def __call__(self, connection):
        with self.context.wrap_socket(connection, server_side=True) as wrapped:
            self.how(wrapped)


class Half(Secure):
    def __init__(self, certificate, key):
        super().__init__(self.answer, certificate, key)
        self.numbers = itertools.count()

    @staticmethod
    def answer(connection):
        connection.recv(PIECE)
        connection.sendall(ANSWER)

    def __call__(self, connection):
        if next(self.numbers) % 2:
            hang_up(connection)
        else:
            super().__call__(connection)


class Notice(Secure):
    def __init__(self, certificate, key):
        super().__init__(self.answer, certificate, key)
        self.context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self.cut = False

    def answer(self, connection):
        connection.suppress_ragged_eofs = False
        try:
            while connection.recv(PIECE):
                connection.sendall(ANSWER.replace(b"200", b"500") if self.cut else ANSWER)
        except ssl.SSLError:
            self.cut = True


def cut_off(connection):
    connection.recv(PIECE)
    connection.sendall(STATUS + b"\r\nOK")


def in_order(connection):
    cut_off(connection)
    connection.unwrap()


def rekey(connection):
    # Python has no such function: the SSL is the second member of its object.
    library = ctypes.CDLL("libssl.so.3")
    session = ctypes.c_void_p.from_address(id(connection._sslobj) + 24)
    connection.recv(PIECE)
    while library.SSL_key_update(session, 1) and library.SSL_do_handshake(session) > 0:
        pass


WAYS = {
    "reset": reset, "cut": cut, "silent": silent, "slow": slow, "keep": keep,
    "leave": leave, "last": last, "drop": drop, "hang-up": hang_up, "odd": odd, "flood": flood, "drip": drip,
    "fields": repeat(STATUS, b"X: y\r\n"),
    "line": repeat(STATUS + b"X: ", b"y"),
    "interim": repeat(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "blank": repeat(b"", b"\r\n"),
    "chatter": repeat(ANSWER, b"\r\n"),
    "extend": repeat(STATUS + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
}


def way(name, *pair):
    if name in ("half", "notice"):
        return {"half": Half, "notice": Notice}[name](*pair)
    if pair:
        ways = WAYS | {"cut-off": cut_off, "in-order": in_order, "rekey": rekey}
        return Secure(ways[name.removeprefix("tls-")], *pair)
    return WAYS[name]


def serve(connection, how):
    with connection:
        try:
            how(connection)
        except (ConnectionError, ssl.SSLError):
            pass


def main():
    how = way(*sys.argv[1:])
    listener = socket.create_server(("127.0.0.1", 0))
    # Inherited by what is accepted: little fits in, so that senders must wait.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, how), daemon=True).start()


if __name__ == "__main__":
    main()

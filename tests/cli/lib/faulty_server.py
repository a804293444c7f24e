#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server as no server should be, for who loads it: its port is printed, then it
treats each connection as its argument says.

reset   the first request is answered by a reset
cut     the answer is cut off in its body
silent  nothing is answered
slow    requests are read a small piece at a time, and answered when whole
keep    it is said to be closed with each answer, and is not
hang-up the connection is closed when the first bytes have come
half    with TLS, by the certificate and the key that follow: every other
        connection is closed in the handshake, the rest after an answer
"""

import itertools
import re
import socket
import ssl
import struct
import sys
import threading

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


class Half:
    def __init__(self, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.numbers = itertools.count()

    def __call__(self, connection):
        if next(self.numbers) % 2:
            hang_up(connection)
            return
        with self.context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(PIECE)
            wrapped.sendall(ANSWER)


def serve(connection, how):
    with connection:
        try:
            how(connection)
        except (ConnectionError, ssl.SSLError):
            pass


def main():
    ways = {"reset": reset, "cut": cut, "silent": silent, "slow": slow, "keep": keep,
            "hang-up": hang_up}
    how = Half(*sys.argv[2:]) if sys.argv[1] == "half" else ways[sys.argv[1]]
    listener = socket.create_server(("127.0.0.1", 0))
    # Inherited by what is accepted: little fits in, so that senders must wait.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, how), daemon=True).start()


if __name__ == "__main__":
    main()

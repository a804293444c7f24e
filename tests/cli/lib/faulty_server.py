#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server as no server should be, for who loads it: its port is printed, then it
treats each connection as its argument says.

reset   the first request is answered by a reset
cut     the answer is cut off in its body
silent  nothing is answered
slow    requests are read a small piece at a time, and answered when whole
"""

import re
import socket
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


def serve(connection, how):
    with connection:
        try:
            how(connection)
        except ConnectionError:
            pass


def main():
    how = {"reset": reset, "cut": cut, "silent": silent, "slow": slow}[sys.argv[1]]
    listener = socket.create_server(("127.0.0.1", 0))
    # Inherited by what is accepted: little fits in, so that senders must wait.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, how), daemon=True).start()


if __name__ == "__main__":
    main()

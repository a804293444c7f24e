#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real servers, watched from their first instruction and added late, under load.

The client does not use epoll and nothing else runs: so every readiness callback
of the system is the server's, and the target must have each of them, from the
moment that it was added."""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HELPER = f"{os.environ['BUILD']}/vm-tests/helper"
OSCONCEPTS = f"{os.environ['BUILD']}/osconcepts"
POSTGRES = "/usr/lib/postgresql/15/bin"
SERIES = "6.12"  # where what takes long is run
CONNECTIONS = 40
LOADED = 20
# None is a matter of time: they are reached only when something hangs.
TRIES = 3000
PAUSE_S = 0.02


class Tap:
    """Results on standard output."""

    count = failed = 0

    def ok(self, good, name):
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {name}", flush=True)

    def equal(self, got, want, name):
        if got != want:
            print(f"# got {got!r}, want {want!r}")
        self.ok(got == want, name)

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def done(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


tap = Tap()


def until(condition, what):
    for _ in range(TRIES):
        value = condition()
        if value:
            return value
        time.sleep(PAUSE_S)
    raise RuntimeError(f"{what}: not after {TRIES} looks")


# --- clients, one connection each

CLOSED = rb"(?!)"  # found in no reply

def exchange(port, *requests):
    """Each is sent when the reply so far has what is enough for it, or the server closes."""
    reply = b""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for request, enough in requests:
            sock.sendall(request)
            while not re.search(enough, reply):
                try:
                    more = sock.recv(65536)
                except ConnectionResetError:
                    # HAProxy may end a connection so, once it has replied.
                    if not reply:
                        raise
                    more = b""
                if not more:
                    break
                reply += more
    return reply


def http(port, path="/"):
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    # Until the server closes: it is done with the connection then.
    return exchange(port, (request.encode(), CLOSED)).decode()


def redis(port, command="PING"):
    return exchange(port, (f"{command}\r\n".encode(), rb"PONG|rejected_connections")).decode()


def memcached(port, command="version"):
    return exchange(port, (f"{command}\r\n".encode(), rb"VERSION|END")).decode()


def postgres(port):
    def message(kind, body):
        return kind + struct.pack(">i", len(body) + 4) + body

    start = message(b"", struct.pack(">i", 3 << 16) + b"user\0postgres\0database\0postgres\0\0")
    # A query is an event of its own where it comes while the server waits.
    ready = b"Z\0\0\0\x05I"
    reply = exchange(port, (start, ready), (message(b"Q", b"SELECT 1\0"), ready + b"$"), (message(b"X", b""), CLOSED))
    if b"SELECT 1\0" not in reply:
        raise RuntimeError(f"postgres: {reply!r}")


# --- servers: what to install, how to start one, a connection, its own account

class Server:
    package = program = name = ""
    everywhere = False  # or on one kernel alone, as that takes long enough
    each = True  # connection causes about as many callbacks, one at least

    def __init__(self, directory, port):
        self.directory, self.port = directory, port

    def path(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def connect(self):
        http(self.port)

    def accepted(self):
        """By the server's own account, the connection that asks included."""
        return None


class Nginx(Server):
    name, program, package = "nginx", "/usr/sbin/nginx", "nginx-light"
    everywhere = True

    def command(self):
        temp = "".join(f"{kind}_temp_path {self.directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = self.path("nginx.conf", f"""
            daemon off; user root; worker_processes 1; pid {self.directory}/pid; error_log stderr;
            events {{ worker_connections 512; }}
            http {{ access_log off; {temp}
                server {{ listen 127.0.0.1:{self.port};
                    location / {{ return 200 "ok"; }} location /status {{ stub_status; }} }} }}""")
        return [self.program, "-c", config]

    def accepted(self):
        return int(re.search(r"requests\s+(\d+)", http(self.port, "/status"))[1])


class Redis(Server):
    name, program, package = "Redis", "/usr/bin/redis-server", "redis-server"
    everywhere = True

    def command(self):
        return [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.directory]

    def connect(self):
        redis(self.port)

    def accepted(self):
        return int(re.search(r"total_connections_received:(\d+)", redis(self.port, "INFO stats"))[1])


class Memcached(Server):
    name, program, package = "memcached", "/usr/bin/memcached", "memcached"
    everywhere = True

    def command(self):
        return [self.program, "-u", "root", "-l", "127.0.0.1", "-p", str(self.port), "-t", "2", "-m", "16"]

    def connect(self):
        memcached(self.port)

    def accepted(self):
        return int(re.search(r"STAT total_connections (\d+)", memcached(self.port, "stats"))[1])


class Haproxy(Server):
    name, program, package = "HAProxy", "/usr/sbin/haproxy", "haproxy"
    everywhere = True

    def command(self):
        config = self.path("haproxy.cfg", f"""
global
    nbthread 2
    stats socket {self.directory}/stats
defaults
    mode http
    timeout client 600s
    timeout server 600s
    timeout connect 600s
frontend f
    bind 127.0.0.1:{self.port}
    http-request return status 200 content-type text/plain string ok
""")
        return [self.program, "-db", "-f", config]

    def accepted(self):
        reply = b""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(f"{self.directory}/stats")
            sock.sendall(b"show info\n")
            while more := sock.recv(65536):
                reply += more
        return int(re.search(rb"CumConns: (\d+)", reply)[1])


class Postgres(Server):
    name, program, package = "PostgreSQL", f"{POSTGRES}/postgres", "postgresql"
    def command(self):
        user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        data = f"{self.directory}/data"
        if not os.path.isdir(data):
            os.mkdir(data)
            shutil.chown(data, "postgres", "postgres")
            os.chmod(self.directory, 0o755)
            subprocess.run([*user, f"{POSTGRES}/initdb", "-D", data, "-A", "trust", "--no-sync", "--no-locale", "-U", "postgres"],
                           check=True, stdout=subprocess.DEVNULL, cwd="/")
        return [*user, self.program, "-D", data, "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "autovacuum=off"]

    def connect(self):
        postgres(self.port)


class Lighttpd(Server):
    name, program, package = "lighttpd", "/usr/sbin/lighttpd", "lighttpd"

    def command(self):
        config = self.path("lighttpd.conf", f"""
server.bind = "127.0.0.1"
server.port = {self.port}
server.document-root = "{self.directory}"
server.errorlog = "/dev/null"
server.modules = ( "mod_staticfile" )
""")
        return [self.program, "-D", "-f", config]


class H2o(Server):
    name, program, package = "h2o", "/usr/bin/h2o", "h2o"

    def command(self):
        config = self.path("h2o.conf", f"""
user: root
num-threads: 3
listen:
  host: 127.0.0.1
  port: {self.port}
hosts:
  default:
    paths:
      "/":
        file.dir: {self.directory}
""")
        return [self.program, "-m", "worker", "-c", config]


class Apache(Server):
    name, program, package = "Apache, event", "/usr/sbin/apache2", "apache2-bin"

    def command(self):
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in ("mpm_event", "authz_core"))
        config = self.path("apache.conf", f"""
{modules}
ServerRoot {self.directory}
ServerName localhost
PidFile {self.directory}/pid
DefaultRuntimeDir {self.directory}
ErrorLog /dev/null
User www-data
Group www-data
Listen 127.0.0.1:{self.port}
StartServers 2
ThreadsPerChild 8
MinSpareThreads 1
MaxSpareThreads 1000
DocumentRoot {self.directory}
""")
        return [self.program, "-DFOREGROUND", "-f", config]


class Node(Server):
    name, program, package = "Node.js", "/usr/bin/node", "nodejs"

    def command(self):
        return [self.program, "-e", f"require('http').createServer((q, r) => r.end('ok')).listen({self.port}, '127.0.0.1')"]


class Ours(Server):
    name, program, package = "our epoll server", OSCONCEPTS, "osconcepts"
    everywhere = True
    model = "epoll"
    options = ()

    def command(self):
        return [self.program, "serve", "--quiet", "--model", self.model, "--port", str(self.port), *self.options]


def our(model, *options, each=True):
    return type(model, (Ours,), {"name": " ".join((f"our {model} server", *options)), "model": model, "options": options,
                                 "each": each, "everywhere": False})


OURS = (Ours, our("epoll-et"), our("epoll-multi", "-w", "3"), our("epoll-shared", "-w", "3"), our("prefork-epoll", "-w", "3"),
        our("prefork-epoll", "-w", "80", each=False), our("pool-event", "-w", "3", each=False), our("epoll-offload"))
SERVERS = (*OURS, Nginx, Redis, Memcached, Haproxy, Lighttpd, H2o, Apache, Node, Postgres)


# --- what is counted

class Reading:
    """Callbacks of the system, and what is known and unknown of a target."""

    def __init__(self, target):
        with open("/proc/osconcepts", encoding="ascii") as file:
            text = file.read()
        self.total = int(re.search(r"^epoll_callbacks (\d+)", text, re.M)[1])
        line = re.search(rf"^target {target} .*$", text, re.M)[0]
        self.known, self.unknown, self.lost = (int(re.search(rf" {name}=(\d+)", line)[1])
                                               for name in ("epoll_callbacks", "epoll_callbacks_unknown", "lost"))

    def __eq__(self, other):
        return vars(self) == vars(other)


def at_rest(target):
    """The same at two looks: what the last connection has caused is over."""
    last = Reading(target)
    for _ in range(TRIES):
        time.sleep(PAUSE_S)
        now = Reading(target)
        if now == last:
            break
        last = now
    return last


def add(pid):
    done = subprocess.run([HELPER, "add", str(pid)], check=True, capture_output=True, text=True)
    return int(re.search(r"\d+", done.stdout)[0])


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


class Running:
    """A server, a target from its first instruction unless it is to be added late."""

    def __init__(self, server, late):
        command = server.command()
        self.process = subprocess.Popen(["/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        until(lambda: state_of(self.process.pid) == "T", f"{server.name} is stopped")
        self.target = None if late else add(self.process.pid)
        os.kill(self.process.pid, signal.SIGCONT)
        until(lambda: self.answers(server), f"{server.name} answers")

    def answers(self, server):
        if self.process.poll() is not None:
            raise RuntimeError(f"{server.name} has ended with status {self.process.returncode}")
        try:
            server.connect()
        except (OSError, RuntimeError):
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.target:
            subprocess.run([HELPER, "del", str(self.target)], check=False, stdout=subprocess.DEVNULL)


class Load(threading.Thread):
    """Connections until it is over."""

    def __init__(self, server):
        super().__init__()
        self.server, self.over, self.done = server, threading.Event(), 0

    def run(self):
        while not self.over.is_set():
            self.server.connect()
            self.done += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def add_under_load(server, running):
    with Load(server) as load:
        until(lambda: load.done >= LOADED, f"{server.name} is loaded")
        running.target = add(running.process.pid)
        so_far = load.done
        until(lambda: load.done >= so_far + LOADED, f"{server.name} is loaded further")


def measure(server, late):
    """Callbacks for each connection."""
    name = f"{server.name}, {'added late' if late else 'from birth'}"
    with Running(server, late) as running:
        if late:
            add_under_load(server, running)
        accepted = server.accepted()
        before = at_rest(running.target)
        for _ in range(CONNECTIONS):
            server.connect()
        after = at_rest(running.target)
        if accepted is not None:
            tap.equal(server.accepted() - accepted, CONNECTIONS + 1, f"{name}: the connections by its own account")
        tap.equal(after.unknown, 0, f"{name}: no callback is in doubt")
        tap.equal(after.lost, 0, f"{name}: nothing lost")
        tap.equal(after.known - before.known, after.total - before.total, f"{name}: the target has every callback")
        each = (after.known - before.known) / CONNECTIONS
        tap.ok(each >= 1 or not server.each, f"{name}: {each:.2f} callbacks a connection, the listener's among them")
        return each


def compare(kind, number, wanted):
    if not os.access(kind.program, os.X_OK):
        tap.skip(kind.name, f"{kind.program} is not there; try apt-get install {kind.package}")
        return
    if not kind.everywhere and not wanted and SERIES not in os.uname().release:
        tap.skip(kind.name, f"it is measured on {SERIES} alone, to save time")
        return
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        birth, added = (measure(kind(directory, 18000 + 2 * number + late), late) for late in (False, True))
    # When a connection ends is told in one callback or in several.
    tap.ok(birth / 2 < added < birth * 2 or not kind.each, f"{kind.name}: {birth:.2f} a connection from birth, {added:.2f} when added late")
    print(f"# {kind.name}: {time.monotonic() - start:.0f} s", flush=True)


def main():
    wanted = sys.argv[1:]
    for number, kind in enumerate(SERVERS):
        if not wanted or kind.name in wanted:
            compare(kind, number, wanted)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())

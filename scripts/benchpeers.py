# SPDX-License-Identifier: GPL-2.0-or-later
"""The servers that are measured, ours, the bare ones and others, and what is asked
of them: how each is started."""

import os
import shutil

import benchlib

TEXT = "Hello, world\n"
BIG = 102400
MODULES = "/usr/lib/apache2/modules"
PEERS = {"nginx": "nginx", "h2o": "h2o", "apache-prefork": "apache2", "apache-worker": "apache2",
         "apache-event": "apache2"}
BOUND = "bare-epoll"
BOUND_OF_FORK = "bare-fork"

# What the client does. Cases with `once` have one request on a connection.
CASES = {
    "keepalive-64": {"load": ["-c", "64"], "path": "/"},
    "keepalive-1000": {"load": ["-c", "1000"], "path": "/"},
    "close-64": {"load": ["-c", "64", "-k", "1"], "path": "/", "once": True},
    "pipeline-16": {"load": ["-c", "64", "-p", "16"], "path": "/"},
    "bytes-100k": {"load": ["-c", "64"], "path": f"/bytes/{BIG}"},
}


def configuration(name, port, scratch, connections):
    """A peer's configuration from tests/bench, filled in."""
    kind = name.split("-", maxsplit=1)[0]
    root = os.geteuid() == 0
    user = {"h2o": "user: www-data" if root else "",
            "apache": "User www-data\nGroup www-data" if root else ""}.get(kind, "")
    with open(f"tests/bench/{kind}.conf", encoding="utf-8") as f:
        text = f.read()
    for key, value in {"PORT": str(port), "DIR": scratch, "FILES": os.path.join(scratch, "files"), "USER": user,
                       "MODULES": MODULES, "CONNECTIONS": connections, "MPM": name.split("-")[-1]}.items():
        text = text.replace(f"@{key}@", value)
    path = os.path.join(scratch, f"{name}.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def command_of(name, case, port, scratch, cpu):
    if name.startswith("bare-"):
        body = BIG if "bytes" in case["path"] else len(TEXT)
        kind = "once" if case.get("once") and name == "bare-epoll" else name[5:]
        return [copy_of(benchlib.BARE, scratch), kind, str(port), str(body)]
    if name in PEERS:
        path = configuration(name, port, scratch, case["load"][1])
        return {"nginx": ["nginx", "-c", path, "-e", os.path.join(scratch, "nginx.log")],
                "h2o": ["h2o", "-c", path],
                "apache2": ["apache2", "-f", path, "-DFOREGROUND"]}[PEERS[name]]
    return [copy_of(benchlib.OSCONCEPTS, scratch), "serve", "--model", name, "--port", str(port), "--quiet", "--cpus",
            str(cpu)]


def copy_of(program, scratch):
    return os.path.join(scratch, os.path.basename(program))


def make_files(scratch):
    """What those servers answer with that serve files, and ours and the bare ones as they are when installed.

    A file that the linker has just written is in the page cache in single pages, which every fork pays for; the peers'
    have been read, or copied, in one go.
    """
    for program in (benchlib.OSCONCEPTS, benchlib.BARE):
        shutil.copy(program, copy_of(program, scratch))
    files = os.path.join(scratch, "files")
    os.makedirs(os.path.join(files, "bytes"))
    for name, body in (("index.txt", TEXT), (f"bytes/{BIG}", "x" * BIG)):
        with open(os.path.join(files, name), "w", encoding="ascii") as f:
            f.write(body)

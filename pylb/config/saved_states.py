"""Files of server states: what `show servers state` wrote is read again (`load-server-state-from-file`; management.txt 9.3 has the format).

Here files are read and lines are told from each other; `process.restoring` gives the servers what the lines say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pylb.config import model
from pylb.config.args import Reading

UNSET = (
    "backend '{}' configured to load server state file from global section 'server-state-file' directive."
    " Unfortunately, 'server-state-file' is not set!"
)
FORMAT, CORRUPTED = "Can't get version of the {{}} state file '{}'.", "corrupted {{}} state file '{}' at line {}."
VERSION = re.compile(r"[ \t]*0*1")
LONGEST_PATH = 4096
FEWEST, MOST = 20, 25  # fields of a line
Lines = list[list[str]]


class Unreadable(Exception):
    """A file that counts as empty; the text has a place for what kind of file it is."""


def read_saved_states(reading: Reading) -> None:
    """Give each server its line: of the file of all, or of its backend's own."""
    backends = [proxy for proxy in reading.config.proxies if proxy.is_backend and not proxy.disabled]
    shared: dict[str, Lines] = {}
    for line in read_shared(reading, backends):
        shared.setdefault(line[1], []).append(line)
    for proxy in backends:
        if proxy.load_server_state == "global":
            give(proxy, shared.get(proxy.name, []))
        elif proxy.load_server_state == "local" and proxy.servers:
            give(proxy, read_own(reading, proxy))


def give(proxy: model.Proxy, lines: Lines) -> None:
    """The first line of a server counts."""
    servers = {server.name: server for server in proxy.servers}
    for line in reversed(lines):
        if line[3] in servers:
            servers[line[3]].saved = line


def read_shared(reading: Reading, backends: list[model.Proxy]) -> Lines:
    """The lines of `server-state-file`. A broken file counts as none."""
    name = reading.config.global_.server_state_file
    warn = reading.report.warning
    if name is None:
        for proxy in backends:
            if proxy.load_server_state == "global":
                warn(UNSET.format(proxy.name))
        return []
    path = place(reading, name)
    try:
        return parse(path)
    except OSError as error:
        warn(f"config: Can't open global server state file '{path}': {error.strerror}")
    except Unreadable as error:
        warn(f"config: {str(error).format('global server')}")
    return []


def read_own(reading: Reading, proxy: model.Proxy) -> Lines:
    """The lines of a backend's own file that are about it."""
    name = proxy.extra.get("server-state-file-name", "use-backend-name")
    path = place(reading, proxy.name if name == "use-backend-name" else name)
    servers = {one.name for one in proxy.servers}

    def warn(text: str) -> None:
        reading.report.warning(f"Proxy '{proxy.name}': {text}")

    def about(line: list[str]) -> bool:
        number, name, server = line[0], line[1], line[3]
        if name != proxy.name:
            if number == str(proxy.id):
                warn(f"backend name mismatch: from server state file: '{name}', from running config '{proxy.name}'")
            return False
        if number != str(proxy.id):
            warn(f"backend ID mismatch: from server state file: '{number}', from running config '{proxy.id}'")
        if server not in servers:
            warn(f"can't find server '{server}' in backend '{proxy.name}'")
        return True

    if len(path) >= LONGEST_PATH:
        warn("Can't load local server state file: file too long.")
        return []
    try:
        return parse(path, about)
    except OSError as error:
        warn(f"Can't open server state file '{path}': {error.strerror}.")
    except Unreadable as error:
        warn(str(error).format("server"))
    return []


def place(reading: Reading, name: str) -> str:
    """A file's path: below `server-state-base` unless it is absolute."""
    base = reading.config.global_.server_state_base
    return name if base is None or name.startswith("/") else f"{base}{'' if base.endswith('/') else '/'}{name}"


def parse(path: str, wanted: Callable[[list[str]], bool] = bool) -> Lines:
    """The lines that are `wanted`, as fields; raises Unreadable and OSError. Lines are counted from the one behind the version."""
    try:
        text = Path(path).read_bytes().decode("latin-1")
    except IsADirectoryError:
        text = ""
    first, *rest = text.split("\n")
    if not rest or not VERSION.fullmatch(first):
        raise Unreadable(FORMAT.format(path))
    lines = []
    for number, line in enumerate(rest, 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < FEWEST or number == len(rest):  # also where the line's end is missing
            raise Unreadable(CORRUPTED.format(path, number))
        if wanted(fields):
            lines.append(fields[:MOST])
    return lines

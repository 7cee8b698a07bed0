"""`pylb lab stop nova controller-1` and its relatives: orders from a second terminal to the lab that runs in the first.

The running lab listens on `control.sock` in its directory. An order is one line of JSON, the list of its words; the answer is
one line too: an exit status and a text.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pylb.base.net import ListenError
from pylb.lab.live import table_lines
from pylb.lab.settings import DURATION, seconds
from pylb.lab.site import LabError, Service

if TYPE_CHECKING:
    from pylb.lab.running import Lab

ORDERS = {
    "stop": "SERVICE CONTROLLER: end the server, as `docker stop` would; health checks find out",
    "start": "SERVICE CONTROLLER: bring it back, healthy and ready",
    "drain": "SERVICE CONTROLLER: no new requests for it, those under way finish",
    "fail": "SERVICE CONTROLLER: it runs, but answers its health checks with 503",
    "slow": "SERVICE CONTROLLER TIME: it takes so long to answer (500ms, 2s; 0 ends it)",
    "status": "who is UP, and how many requests each server answered",
    "log": "the load balancer's latest log lines",
}
CONTROL = "control.sock"
LONGEST_PATH = 97  # what HAProxy allows for the path of a socket
PATIENCE = 15.0


def default_directory() -> Path:
    """Where the running lab keeps its sockets: one lab per user, unless told otherwise."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.path.isdir(runtime) and os.access(runtime, os.W_OK):
        return Path(runtime) / "pylb-lab"
    return Path(tempfile.gettempdir()) / f"pylb-lab-{os.getuid()}"


def prepare_directory(directory: Path) -> None:
    """Make the lab's directory, ours alone; one left by a lab that was killed is cleared. Raises LabError."""
    if len(str(directory / "haproxy.sock")) > LONGEST_PATH:
        raise LabError(f"{directory}: too long a path for the sockets in it; choose a shorter one with --directory")
    try:
        directory.mkdir(mode=0o700)
        return
    except FileExistsError:
        facts = directory.lstat()
    except OSError as error:
        raise LabError(f"{directory}: {error.strerror}") from None
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise LabError(f"{directory}: is not a directory of yours; choose another one with --directory")
    if is_alive(directory):
        raise LabError(f"a lab is running already in {directory}: end it with Ctrl-C in its terminal, or give this one another --directory")
    entries = {entry.name for entry in directory.iterdir()}
    if entries and CONTROL not in entries:
        raise LabError(f"{directory}: holds files of somebody else; choose another one with --directory")
    directory.chmod(0o700)
    clear(directory)


def clear(directory: Path) -> None:
    """Remove what a lab keeps in its directory."""
    for entry in sorted(directory.rglob("*"), reverse=True):
        if entry.is_dir() and not entry.is_symlink():
            entry.rmdir()
        else:
            entry.unlink(missing_ok=True)


def remove(directory: Path) -> None:
    """The end of the lab's directory."""
    clear(directory)
    directory.rmdir()


def is_alive(directory: Path) -> bool:
    """Does a lab answer there?"""
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(str(directory / CONTROL))
        except OSError:
            return False
    return True


# -- in the second terminal


def give_order(words: Sequence[str], directory: Path) -> tuple[int, str]:
    """Send an order to the running lab; its answer. Raises LabError when there is none."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(PATIENCE)
        try:
            one.connect(str(directory / CONTROL))
            one.sendall(json.dumps(list(words)).encode() + b"\n")
            answer = b"".join(iter(lambda: one.recv(65536), b""))
        except TimeoutError:
            raise LabError(f"the lab in {directory} does not answer") from None
        except OSError:
            hint = "start one with `pylb lab` in another terminal; if it was given a --directory, give the same one here"
            raise LabError(f"no lab is running in {directory}: {hint}") from None
    if not answer:
        raise LabError(f"the lab in {directory} ended before it answered")
    status, text = json.loads(answer)
    return int(status), str(text)


# -- in the running lab


class Drill:
    """Carries out the orders."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.server: asyncio.Server | None = None

    async def listen(self) -> None:
        self.server = await asyncio.start_unix_server(self.serve, str(self.lab.directory / CONTROL))

    def close(self) -> None:
        if self.server is not None:
            self.server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One order."""
        try:
            line = await reader.readline()
            if line:
                writer.write(json.dumps(await self.obey(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def obey(self, words: Sequence[str]) -> tuple[int, str]:
        """Exit status and text."""
        order, *rest = words
        try:
            if order == "status":
                return 0, "\n".join(table_lines(self.lab.site, self.lab.places, await self.lab.balancer.table()))
            if order == "log":
                return 0, "\n".join(self.lab.display.requests) or "nothing has been logged yet"
            return 0, "\n".join([await self.order_one(order, *target, rest[2:]) for target in self.targets(order, rest)])
        except LabError as error:
            return 1, f"pylb lab: {error}"
        except (OSError, TimeoutError) as error:
            return 1, f"pylb lab: the load balancer does not answer: {error}"

    def targets(self, order: str, words: Sequence[str]) -> list[tuple[Service, str]]:
        """The servers that an order is about; `all` stands for every service, or every controller."""
        expected = 3 if order == "slow" else 2
        if order not in ORDERS or len(words) != expected:
            raise LabError(f"expected: pylb lab {order} {ORDERS[order].partition(':')[0]}" if order in ORDERS else f"there is no order '{order}'")
        site = self.lab.site
        services = site.services if words[0] == "all" else [site.service(words[0])]
        if words[1] != "all" and words[1] not in site.controllers:
            raise LabError(f"there is no controller '{words[1]}'; there are {', '.join(site.controllers)}")
        names = list(site.controllers) if words[1] == "all" else [words[1]]
        return [(service, name) for service in services for name in names]

    async def order_one(self, order: str, service: Service, controller: str, rest: Sequence[str]) -> str:
        """One server."""
        origin = self.lab.origins[service.name, controller]
        what = f"{service.name} on {controller}"
        if order == "stop":
            origin.stop()
            return f"{what}: stopped ({origin.endpoint} refuses connections); `pylb lab status` shows when the checks have noticed"
        if order == "fail":
            origin.healthy = False
            return f"{what}: answers its health checks with 503{'' if service.health_path else ', but this service is only checked by connecting'}"
        if order == "slow":
            if not DURATION.fullmatch(rest[0]):
                raise LabError(f"expected a duration like 500ms or 2s, found '{rest[0]}'")
            origin.latency = seconds(rest[0])
            return f"{what}: takes {origin.latency:g} s to answer"
        if order == "drain":
            return f"{what}: no new requests\n" + await self.set_state(service, controller, "drain")
        return await self.bring_back(service, controller)

    async def bring_back(self, service: Service, controller: str) -> str:
        origin = self.lab.origins[service.name, controller]
        try:
            origin.start()
        except ListenError as error:
            raise LabError(f"{origin.endpoint}: {error.why}") from None
        origin.healthy, origin.latency = True, service.latency
        await self.set_state(service, controller, "ready")
        return f"{service.name} on {controller}: started; `pylb lab status` shows when the checks have noticed"

    async def set_state(self, service: Service, controller: str, state: str) -> str:
        """`set server` on every backend of the service; how to do it by hand."""
        lines = []
        for face in service.faces:
            command = f"set server {face.backend}/{controller} state {state}"
            answer = (await self.lab.balancer.ask(command)).strip()
            if answer:
                raise LabError(f"`{command}` was answered: {answer}")
            lines.append(f'  as by hand: echo "{command}" | socat {self.lab.balancer.socket_path} stdio')
        return "\n".join(lines)

"""A running lab: origins in this process, the load balancer in a child, a status display, and orders from other terminals.

Order of the start: origins (each on its port, or a free one), certificate, configuration, load balancer, orders. The end
undoes it in reverse, whatever happened. The directory belongs to whoever made it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from pylb.base.net import Datagrams, Endpoint, ListenError
from pylb.lab import drill
from pylb.lab.balancer import Balancer, Table
from pylb.lab.certificate import issue
from pylb.lab.drill import Drill
from pylb.lab.live import Display
from pylb.lab.origin import HttpOrigin
from pylb.lab.site import HIGH, LabError, Places, Service, Site, claim_port, is_loopback, loopback
from pylb.process.net import RealNet

Render = Callable[[Site, Places, Path], dict[str, str]]
SYSLOG = re.compile(r"<(\d+)>\w{3} [ \d]\d [\d:]{8} (?:\S+ )?\S+\[\d+\]: (.*)", re.DOTALL)
INFORMATIONAL = 6  # severity of the lines about traffic
DESCRIPTORS = 8192  # what the lab itself may want, with many clients
PER_CONNECTION, SPARE = 2, 200
MAXCONN = 4000
FEW = 4  # moved ports that are told one by one
REFRESH = {True: 1.0, False: 0.25}  # seconds between two looks: on a terminal, elsewhere


@dataclass(slots=True)
class Request:
    """What the command line asked for."""

    site: Site
    render: Render
    directory: Path
    program: list[str]  # how to start the load balancer
    out: TextIO = field(default_factory=lambda: sys.stdout)
    written: Path | None = None  # Kolla's configuration, kept


class Lab:
    """Made inside a running loop; `run` is its whole life."""

    def __init__(self, request: Request) -> None:
        self.request, self.site, self.directory = request, request.site, request.directory
        self.loop = asyncio.get_running_loop()
        self.net = RealNet(self.loop)
        self.places = Places()
        self.origins: dict[tuple[str, str], HttpOrigin] = {}
        self.display = Display(request.out, self.site, self.places)
        self.ended = asyncio.Event()
        self.failure = ""
        self.last_words: list[str] = []
        self.balancer = Balancer(self.net, str(self.directory / "haproxy.sock"), self.heard, self.balancer_ended)
        self.drill = Drill(self)
        self.log: Datagrams | None = None

    async def run(self) -> int:
        """Until Ctrl-C, or until the load balancer ends by itself; the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.loop.add_signal_handler(number, self.ended.set)
        try:
            await self.start()
            await self.watch()
        finally:
            await self.stop()
        if self.failure:
            raise LabError(self.failure)
        return 0

    # -- start
    async def start(self) -> None:
        raise_descriptors()
        self.places.hosts = loopback_hosts(self.site)
        for service in self.site.services:
            for controller, address in self.site.controllers.items():
                self.start_origin(service, controller, address)
        held = self.claim_ports()
        try:
            self.write_files()
        finally:
            for one in held:
                one.close()
        self.log = self.net.datagrams(local=Endpoint.unix(str(self.directory / "log.sock")), received=self.logged)
        await self.drill.listen()
        try:
            self.balancer.start(self.command_line())
        except OSError as error:
            raise LabError(f"{self.request.program[0]}: {error.strerror}") from None

    def start_origin(self, service: Service, controller: str, address: str) -> None:
        """A server of a service, at its port or a free one."""
        host = self.places.host(address)
        wished = service.server_port
        for port in (wished, *([wished + HIGH] if wished < 1024 else []), 0):
            origin = HttpOrigin(self.net, self.loop, Endpoint.tcp(host, port), f"{service.name} on {controller}", service.health_path, service.latency)
            try:
                origin.start()
            except ListenError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise LabError(f"{host} cannot be bound: this machine does not take all of 127.0.0.0/8 for its own (Linux does)") from None
                continue
            break
        else:
            raise LabError(f"no port can be bound on {host}")
        self.origins[service.name, controller] = origin
        self.places.ports[address, wished] = origin.endpoint.port

    def claim_ports(self) -> list[socket.socket]:
        """Find a port for everything that the load balancer binds; they are held until it starts."""
        held = []
        for host, port in [*((face.host, face.port) for _, face in self.site.faces()), *self.site.extra_binds]:
            held.append(claim_port(self.places.host(host), port))
            self.places.ports[host, port] = held[-1].getsockname()[1]
        return held

    def write_files(self) -> None:
        """Certificate and configuration."""
        names = sorted({self.places.host(face.host) for _, face in self.site.faces()})
        issued = issue("pylb lab", ["localhost", *names])
        pem = self.directory / "haproxy.pem"
        pem.touch(mode=0o600)
        pem.write_bytes(issued.bundle)
        (self.directory / "lab.crt").write_bytes(issued.certificate_pem)
        for name, text in self.request.render(self.site, self.places, self.directory).items():
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    def command_line(self) -> list[str]:
        """How the load balancer is started."""
        return [*self.request.program, "-db", *fitting_maxconn(), *self.files()]

    def files(self) -> list[str]:
        """The `-f` arguments."""
        words = ["-f", str(self.directory / "haproxy.cfg")]
        return [*words, "-f", f"{self.directory}/services.d/"] if (self.directory / "services.d").is_dir() else words

    # -- while it runs
    async def watch(self) -> None:
        """Wait for the load balancer, say what is there, then show how things go."""
        table = await self.first_table()
        if table is None:
            return
        self.display.say(self.banner())
        while not self.ended.is_set():
            self.display.update(await self.balancer.table())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), REFRESH[self.display.terminal])

    async def first_table(self) -> Table | None:
        """The first answer of the stats socket; None when the lab ends before."""
        while not self.ended.is_set():
            table = await self.balancer.table()
            if table is not None:
                return table
            await asyncio.sleep(0.02)
        return None

    def heard(self, line: str) -> None:
        """The load balancer printed a line."""
        self.last_words = [*self.last_words[-9:], line]
        if line.strip():
            self.display.event(line)

    def balancer_ended(self, status: int) -> None:
        """It was not asked to."""
        if not self.ended.is_set():
            self.failure = "\n".join([f"the load balancer ended with status {status}:", *self.last_words])
            self.ended.set()

    def logged(self, data: bytes, sender: Endpoint | None) -> None:
        """A syslog line: those about traffic are shown."""
        match = SYSLOG.match(data.decode("latin-1"))
        if match and int(match[1]) & 7 == INFORMATIONAL:
            self.display.request(match[2].rstrip("\n"))

    def banner(self) -> list[str]:
        """What there is, where it is, what to try."""
        service, face = next(self.site.faces())
        controller = next(iter(self.site.controllers))
        certificate = f"--cacert {self.directory}/lab.crt " if face.tls else ""
        own = [] if self.directory == drill.default_directory() else ["--directory", str(self.directory)]
        order = " ".join(["pylb lab", *own])
        player = "nova" if any(each.name == "nova" for each in self.site.services) else service.name
        written = self.request.written
        return [
            f"pylb lab: {len(self.site.services)} services on {len(self.site.controllers)} controllers, from {self.site.source}",
            "",
            *(f"  note: {note}" for note in self.site.notes),
            *([f"  note: {', '.join(f'{host} is played at {near}' for host, near in self.places.hosts.items())}"] if self.places.hosts else []),
            *(f"  note: {line}" for line in moved_lines(self.places)),
            f"  load balancer   pid {self.balancer.pid}: {' '.join(self.command_line())}",
            *([f"  Kolla's files   {written}: what Kolla-Ansible would write; they stay; the lab plays them on loopback"] if written else []),
            f"  stats socket    {self.balancer.socket_path}",
            f"  stats page      http://{self.stats_page()}",
            f"  certificate     {self.directory}/lab.crt",
            "",
            "Try:",
            f"  curl {certificate}{face.scheme}://{self.places.text(face.host, face.port)}/",
            f'  echo "show stat" | socat {self.balancer.socket_path} stdio | cut -d, -f1,2,18 | column -ts,',
            "In a second terminal:",
            f"  {order} stop {player} {controller}     then watch the checks notice, while curl goes on working",
            f"  {order} start {player} {controller}    and it comes back",
            f"  {order} drain {player} {controller}    no new requests; start ends that too",
            f"  {order} status                     the table below, once",
            f"  {order} help                       everything else",
            "Ctrl-C ends the lab and removes everything.",
            "",
            *(self.urls() if self.display.terminal else []),
        ]

    def urls(self) -> list[str]:
        """Where the services are: a narrow terminal's table does not say."""
        return [f"  {service.name:<15} {face.scheme}://{self.places.text(face.host, face.port)}/" for service, face in self.site.faces()]

    def stats_page(self) -> str:
        """host:port/path, where it really is."""
        host, _, rest = self.site.stats_page.partition(":")
        port, _, path = rest.partition("/")
        return f"{self.places.text(host, int(port))}/{path}"

    # -- the end
    async def stop(self) -> None:
        self.ended.set()
        self.drill.close()
        await self.balancer.stop()
        for origin in self.origins.values():
            origin.stop()
        if self.log is not None:
            self.log.close()
        self.net.close()


def loopback_hosts(site: Site) -> dict[str, str]:
    """Where the site's addresses go on this machine; loopback addresses stay."""
    hosts = dict.fromkeys([*(face.host for _, face in site.faces()), *site.controllers.values()])
    return {} if all(map(is_loopback, hosts)) else loopback(list(hosts))


def moved_lines(places: Places) -> list[str]:
    """What could not be where it wished to be; in short when that is much."""
    moved = places.moved()
    if len(moved) > FEW:
        return [f"{len(moved)} ports are taken or not allowed; free ones are used instead (the URLs below say which)"]
    return [f"port {wished} of {host} is taken or not allowed: {real} instead" for host, wished, real in moved]


def raise_descriptors() -> None:
    """As many descriptors as we may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < min(DESCRIPTORS, hard):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))


def fitting_maxconn() -> Sequence[str]:
    """`-n` where the limit on descriptors is too low for the configuration's maxconn."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    room = (hard - SPARE) // PER_CONNECTION
    return [] if room >= MAXCONN else ["-n", str(max(10, room))]

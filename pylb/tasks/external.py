"""External checks: a program says by its exit status whether a server is well (configuration.txt 4.2, `external-check`).

It gets the first bind address of the proxy and the server's address as arguments, and more as environment; nothing else is inherited. One that
does not end within the interval is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

from pylb.proxy.health import Result

if TYPE_CHECKING:
    from pylb.base.address import Address
    from pylb.proxy.server import Server

UNUSED: Final = "NOT_USED"
NOT_EXECUTED: Final = 255
BY_SIGNAL: Final = -1
ALERT, WARNING = 1, 4


class ExternalCheck:
    """`option external-check` for one server."""

    def __init__(self, server: Server) -> None:
        self.server, self.process = server, server.backend.process
        settings = server.backend.settings
        self.command = str(settings.extra["external-check command"])
        self.path = str(settings.extra.get("external-check path") or "")
        self.listener = next((bind.address for bind in settings.binds if bind.address.is_ip or bind.address.kind == "unix"), None)

    def arguments(self) -> list[str]:
        """Address and port of the proxy, then of the server."""
        proxy = places(self.listener) if self.listener is not None else (UNUSED, UNUSED)
        address, port = places(self.server.address)
        check = self.server.settings.check
        return [*proxy, address, str(check.port) if check.port and port != UNUSED else port]

    def environment(self) -> dict[str, str]:
        """Everything the program may know."""
        server, backend = self.server, self.server.backend
        address, port = places(self.listener) if self.listener is not None else ("", "")
        return {
            "PATH": self.path,
            "HAPROXY_PROXY_NAME": backend.name,
            "HAPROXY_PROXY_ID": str(backend.id),
            "HAPROXY_PROXY_ADDR": address,
            "HAPROXY_PROXY_PORT": "" if port == UNUSED else port,
            "HAPROXY_SERVER_NAME": server.name,
            "HAPROXY_SERVER_ID": str(server.id),
            "HAPROXY_SERVER_ADDR": self.arguments()[2],
            "HAPROXY_SERVER_PORT": "" if self.arguments()[3] == UNUSED else self.arguments()[3],
            "HAPROXY_SERVER_MAXCONN": str(server.maxconn),
            "HAPROXY_SERVER_CURCONN": str(server.counters.scur),
            "HAPROXY_SERVER_SSL": str(int(server.settings.ssl)),
            "HAPROXY_SERVER_PROTO": "h1" if backend.is_http else "tcp",
        }

    async def run(self, seconds: float) -> Result:
        """Run the program once."""
        clock = self.process.clock
        began = clock.now()
        status, code = await self.outcome(seconds)
        return Result(status, code, int((clock.now() - began) * 1000))

    async def outcome(self, seconds: float) -> tuple[str, int]:
        """The result's status and code."""
        try:
            child = await asyncio.create_subprocess_exec(self.command, *self.arguments(), env=self.environment())
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            self.process.message(ALERT, f"Failed to exec process for external health check: {why}. Aborting.")
            return "PROCERR", NOT_EXECUTED
        try:
            async with asyncio.timeout(seconds):
                code = await child.wait()
        except TimeoutError:
            self.process.message(WARNING, f"kill {child.pid}")
            return "PROCTOUT", 0
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(signal.SIGKILL)
        return ("PROCOK", 0) if not code else ("PROCERR", code if code > 0 else BY_SIGNAL)


def places(address: Address) -> tuple[str, str]:
    """An address as the program gets it."""
    return (address.host, str(address.port)) if address.is_ip else (address.host, UNUSED)

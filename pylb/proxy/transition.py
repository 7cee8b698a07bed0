"""What a change of a server's state brings about, as a value: lines to log, streams to wake, sessions to end.

Servers and their health machines never do I/O. They return a Transition (and hand it to `Server.emit`); the floors above print and send the lines,
wake the streams and shut the sessions down. One Transition covers a change and all it entails: servers that track this one, the backend that lost its
last server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pylb.proxy.server import Server

EMERG: Final = 0
ALERT: Final = 1
NOTICE: Final = 5


@dataclass(slots=True)
class Line:
    """One message: for the terminal (`[WARNING]  (pid) : text`) and, in the words of the log, for the proxy's `log` targets."""

    backend: Any
    tag: str  # WARNING or ALERT: what the terminal shows; nothing: it does not
    level: int  # syslog's
    text: str
    log_text: str = ""  # where the log's words differ

    @property
    def for_log(self) -> str:
        return self.log_text or self.text


@dataclass(slots=True)
class Transition:
    """Everything one change brought about, in order."""

    server: Server
    lines: list[Line] = field(default_factory=list)
    woken: list[Any] = field(default_factory=list)  # streams thrown out of a queue: they choose a server again
    shutdowns: list[tuple[Server, str]] = field(default_factory=list)  # end the sessions of that server with this letter: D (down) or U (up)
    ready: list[Server] = field(default_factory=list)  # servers that may take waiting streams now

    def __bool__(self) -> bool:
        return bool(self.lines or self.woken or self.shutdowns or self.ready)

    def say(self, server: Server, level: int, text: str) -> None:
        """A line about a server."""
        kind = "Backup Server" if server.backup else "Server"
        self.lines.append(Line(server.backend, "WARNING", level, f"{kind} {server.backend.name}/{server.name} {text}"))

    def backend_lost(self, server: Server) -> None:
        """The line about a backend without a usable server."""
        name = server.backend.name
        self.lines.append(Line(server.backend, "ALERT", EMERG, f"backend '{name}' has no server available!", f"backend {name} has no server available!"))

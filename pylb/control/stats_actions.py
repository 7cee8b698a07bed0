"""What the form of the stats page does to servers: its parameters, the actions they name, and the result code for the redirection.

Parameters are read from the last to the first, as HAProxy reads them: a server named after (that is, read before) its backend or the action waits for a
second round. Result codes: NONE nothing changed, DONE all servers, PART some, ERRP bad parameters or no server found, EXCD form too large.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pylb.proxy.states import FORCED_DRAIN, FORCED_MAINT, admit, dismiss
from pylb.proxy.transition import Transition

if TYPE_CHECKING:
    from pylb.proxy.process import Process
    from pylb.proxy.proxy import Backend
    from pylb.proxy.server import Server

LONGEST: Final = 2048  # of one name=value
CHANGED_BY_PAGE: Final = ", changed from Web interface"
ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")

Action = Callable[["Server", float], bool]  # False: nothing to do for this server


def always(change: Callable[[Server, float], object]) -> Action:
    def act(server: Server, now: float) -> bool:
        change(server, now)
        return True

    return act


def flag(bit: int, wanted: bool, word: str) -> Action:
    """Set or clear one administrative flag; nothing to do when it is so already."""
    cause = f" ('{word}' on stats page)"

    def act(server: Server, now: float) -> bool:
        if bool(server.admin & bit) == wanted:
            return False
        transition = Transition(server)
        if wanted:
            admit(server, bit, now, transition, cause)
        else:
            dismiss(server, bit, now, transition)
        server.publish(transition)
        return True

    return act


def checks(enabled: bool) -> Action:
    def act(server: Server, now: float) -> bool:
        if server.check.configured:
            server.check.enabled = enabled
        return server.check.configured

    return act


def agents(enabled: bool) -> Action:
    def act(server: Server, now: float) -> bool:
        if server.agent.configured:
            server.agent.enabled = enabled
        return server.agent.configured

    return act


def health(word: str) -> Action:
    """Force the state that health checks would find; not on a server that follows another."""

    def act(server: Server, now: float) -> bool:
        if server.tracked is None:
            server.command_health(word, now, CHANGED_BY_PAGE)
        return server.tracked is None

    return act


def agent(word: str) -> Action:
    """Force the state that the agent would report."""

    def act(server: Server, now: float) -> bool:
        if server.agent.enabled:
            server.command_agent(word, now, CHANGED_BY_PAGE)
        return server.agent.enabled

    return act


def shut_down(server: Server, now: float) -> None:
    """End the sessions on the server."""
    transition = Transition(server)
    transition.shutdowns.append((server, "K"))
    server.publish(transition)


ACTIONS: Final[dict[str, Action]] = {
    "ready": always(lambda server, now: server.command_state("ready", now)),
    "drain": always(lambda server, now: server.command_state("drain", now)),
    "maint": always(lambda server, now: server.command_state("maint", now)),
    "shutdown": always(shut_down),
    "dhlth": checks(False),
    "ehlth": checks(True),
    "hrunn": health("up"),
    "hnolb": health("stopping"),
    "hdown": health("down"),
    "dagent": agents(False),
    "eagent": agents(True),
    "arunn": agent("up"),
    "adown": agent("down"),
    "enable": flag(FORCED_MAINT, False, "enable"),
    "disable": flag(FORCED_MAINT, True, "disable"),
    "stop": flag(FORCED_DRAIN, True, "stop"),
    "start": flag(FORCED_DRAIN, False, "start"),
}


@dataclass(slots=True)
class Form:
    """How far the form was understood."""

    backend: Backend | None = None
    action: Action | None = None
    named: int = 0  # servers the action had something to do for, or that do not exist
    changed: int = 0
    again: bool = False


def process_form(process: Process, body: bytes) -> str:
    """Apply the form; returns the result code."""
    settings = process.config.global_
    if len(body) > settings.bufsize - settings.maxrewrite:
        return "EXCD"
    form = Form()
    pairs = list(read_pairs(body))
    if not apply_pairs(process, form, pairs):
        return "ERRP"
    if form.again and form.backend is not None and form.action is not None and not apply_pairs(process, form, pairs):
        return "ERRP"
    if not form.named:
        return "NONE"
    if not form.changed:
        return "ERRP"
    return "DONE" if form.changed == form.named else "PART"


def read_pairs(body: bytes) -> Iterator[tuple[bytes, bytes] | None]:
    """Names and values, the last first; None for one that is too long. One that cannot be decoded ends the reading."""
    for text in reversed(body.split(b"&")):
        if len(text) > LONGEST:
            yield None
            return
        name, found, value = text.partition(b"=")
        if not found:
            continue
        decoded = decode(value)
        if decoded is None:
            return
        yield name, decoded


def decode(text: bytes) -> bytes | None:
    """Undo the form's encoding; None when it is broken."""
    if re.search(rb"%(?![0-9A-Fa-f]{2})", text):
        return None
    return ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), text.replace(b"+", b" "))


def apply_pairs(process: Process, form: Form, pairs: list[tuple[bytes, bytes] | None]) -> bool:
    """One round over the parameters; False when one of them is wrong."""
    for pair in pairs:
        if pair is None:
            return False
        name, value = pair[0], pair[1].decode("latin-1")
        if name == b"action":
            form.action = ACTIONS.get(value)
            if form.action is None:
                return False
        elif name == b"b":
            form.backend = find_backend(process, value)
            if form.backend is None:
                return False
        elif name == b"s":
            apply_server(process, form, value)
    return True


def find_backend(process: Process, text: str) -> Backend | None:
    """By name, or by `#id` as the page itself sends it."""
    if text.startswith("#") and text[1:].isdigit():
        return next((backend for backend in process.backends.values() if backend.id == int(text[1:])), None)
    return process.backends.get(text)


def apply_server(process: Process, form: Form, name: str) -> None:
    """Do the action to one server, or remember that backend and action must be known first."""
    if form.backend is None or form.action is None:
        form.again = True
        return
    server = form.backend.servers_by_name.get(name)
    if server is None:
        form.named += 1
    elif form.action(server, process.clock.now()):
        form.named += 1
        form.changed += 1

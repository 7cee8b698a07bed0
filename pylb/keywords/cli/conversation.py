"""Commands about the conversation itself: help, prompt, level, modes, timeout."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pylb.control.registry import INFO, Answer, Level, Message, Refusal, Words, command
from pylb.control.usage import help_text

if TYPE_CHECKING:
    from pylb.control.interpreter import Cli

DELAY: Final = re.compile(r"(\d+)(us|ms|s|m|h|d)?")
SECONDS: Final = {"us": 0.000_001, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_DELAY: Final = 2**31 // 1000


@command("help")
def help_(cli: Cli, words: Words) -> Message:
    """List the commands, or those that look like the words."""
    return help_text(words, cli.modes)


@command("prompt")
def prompt(cli: Cli, words: Words) -> None:
    """Switch the prompt on or off; with it the connection stays open."""
    cli.interactive = not cli.interactive


@command("quit")
def quit_(cli: Cli, words: Words) -> None:
    """Close the connection."""
    cli.ended = True


@command("user", usage="user", help="lower the level of the current CLI session to user")
def user(cli: Cli, words: Words) -> None:
    """Give up what operators and administrators may do, the modes too."""
    cli.level = Level.USER
    cli.modes.clear()


@command("operator", usage="operator", help="lower the level of the current CLI session to operator", level=Level.OPERATOR)
def operator(cli: Cli, words: Words) -> None:
    """Give up what administrators may do, the modes too."""
    cli.level = Level.OPERATOR
    cli.modes.clear()


def switch_mode(cli: Cli, words: Words, mode: str) -> Answer:
    if not words:
        return Message(INFO, f"{mode}-mode is {'ON' if mode in cli.modes else 'OFF'}\n")
    (cli.modes.add if words[0] == "on" else cli.modes.discard)(mode)
    return None


@command("expert-mode", level=Level.ADMIN)
def expert_mode(cli: Cli, words: Words) -> Answer:
    """Show or switch the mode that dangerous commands want."""
    return switch_mode(cli, words, "expert")


@command("experimental-mode", level=Level.ADMIN)
def experimental_mode(cli: Cli, words: Words) -> Answer:
    """Show or switch the mode that unfinished commands want."""
    return switch_mode(cli, words, "experimental")


@command(
    "set severity-output",
    usage="set severity-output [none|number|string]",
    help="set presence of severity level in feedback information",
)
def set_severity_output(cli: Cli, words: Words) -> None:
    """Have answers begin with their severity."""
    if words.at(0) not in ("none", "number", "string"):
        raise Refusal("one of 'none', 'number', 'string' is a required argument\n")
    cli.severity_output = words[0]


@command("set timeout", usage="set timeout [cli] <delay>", help="change a timeout setting")
def set_timeout(cli: Cli, words: Words) -> None:
    """How long this connection may be silent; seconds without a unit."""
    if words.at(0) != "cli":
        raise Refusal("'set timeout' only supports 'cli'.\n")
    if not words.at(1):
        raise Refusal("Expects an integer value.\n")
    match = DELAY.fullmatch(words[1])
    seconds = int(match[1]) * SECONDS[match[2] or "s"] if match is not None else 0.0
    if not 1 <= seconds <= LONGEST_DELAY:
        raise Refusal("Invalid timeout value.\n")
    cli.timeout = seconds


@command("show cli level", usage="show cli level", help="display the level of the current CLI session")
def show_cli_level(cli: Cli, words: Words) -> Message:
    """Which commands are allowed here."""
    return Message(INFO, f"{cli.level.label}\n")


@command("show cli sockets", usage="show cli sockets", help="dump list of cli sockets")
def show_cli_sockets(cli: Cli, words: Words) -> str:
    """The stats sockets and their levels."""
    lines = ["# socket lvl processes\n"]
    for socket in cli.process.config.global_.stats_sockets:
        address = socket.bind.address
        where = f"unix@{address.host}" if address.kind == "unix" else f"abns@{address.host}" if address.kind == "abns" else str(address)
        if address.is_ip:
            where = f"ipv{'6' if address.kind == 'ipv6' else '4'}@{where}"
        lines.append(f"{where} {socket.bind.level} all\n")
    return "".join(lines)

"""`timeout` and the intervals of TCP keep-alive (configuration.txt 4.2)."""

from __future__ import annotations

from pylb.base import units
from pylb.base.errors import Alert
from pylb.config import model
from pylb.config.args import Args
from pylb.config.registry import PROXY, keyword

FACES = {
    "client": "frontend",
    "client-fin": "frontend",
    "server": "backend",
    "server-fin": "backend",
    "connect": "backend",
    "check": "backend",
    "queue": "backend",
    "tunnel": "backend",
    "http-request": "",
    "http-keep-alive": "",
    "tarpit": "",
}
SUPPORTED = (
    "'timeout' supports 'client', 'server', 'connect', 'check', 'queue', 'http-keep-alive',"
    " 'http-request', 'tunnel', 'tarpit', 'client-fin' and 'server-fin' (got '{}')"
)
REPLACED = {"clitimeout": "timeout client", "contimeout": "timeout connect", "srvtimeout": "timeout server"}


@keyword("timeout", sections=PROXY, usage="<name> <time>")
def timeout(proxy: model.Proxy, args: Args) -> None:
    """How long to wait for something; the name says for what."""
    name, text = args.at(1), args.at(2)
    if name not in FACES:
        raise Alert(SUPPORTED.format(name))
    if not text:
        raise Alert(f"'timeout {name}' expects an integer value (in milliseconds)")
    try:
        value = units.parse_duration(text)
    except units.TimerOverflow:
        raise Alert(f"timer overflow in argument '{text}' to 'timeout {name}' (maximum value is 2147483647 ms or ~24.8 days)")
    except units.TimerUnderflow:
        raise Alert(f"timer underflow in argument '{text}' to 'timeout {name}' (minimum non-null value is 1 ms)")
    except units.BadNumber as error:
        raise Alert(f"unexpected character '{error.character}' in 'timeout {name}'")
    if args.at(3):
        raise Alert(f"'timeout {name}' : unexpected extra argument '{args.at(3)}' after value '{text}'.")
    _set(proxy, args, name, value)


def _set(proxy: model.Proxy, args: Args, name: str, value: int) -> None:
    """Keep the value; warn where it will not be used."""
    slot = name.replace("-", "_")
    face = FACES[name]
    if face and args.lacks(face):
        args.warn(f"'timeout {name}' will be ignored because {proxy.label} has no {face} capability")
    elif proxy.kind != "defaults" and getattr(proxy.timeouts, slot) != (getattr(proxy.defaults.timeouts, slot) if proxy.defaults else None):
        args.warn(f"overwriting 'timeout {name}' which was already specified")
    setattr(proxy.timeouts, slot, value)


def _replaced(name: str, instead: str) -> None:
    def refuse(proxy: model.Proxy, args: Args) -> None:
        """A word of old releases."""
        raise Alert(f"the '{name}' directive is not supported anymore since HAProxy 2.1. Use '{instead}'.")

    keyword(name, sections=PROXY)(refuse)


for _name, _instead in REPLACED.items():
    _replaced(_name, _instead)


def _keep_alive(name: str, face: str, seconds: bool) -> None:
    """Register one of `clitcpka-cnt` and its relatives."""

    def tune(proxy: model.Proxy, args: Args) -> None:
        """How TCP keep-alive probes are sent."""
        if args.lacks(face):
            args.warn(f"{name} will be ignored because {proxy.label} has no {face} capability")
        text = args.at(1)
        if not text:
            raise Alert(f"'{name}' expects an integer value")
        if seconds:
            try:
                value = units.parse_duration(text, "s") // 1000
            except units.BadNumber as error:
                raise Alert(f"unexpected character '{error.character}' in argument to <{name}>.\n")
        elif not text.isdigit():
            character = next(character for character in text if not character.isdigit())
            raise Alert(f"'{name}' : unexpected character '{character}' in integer value '{text}'")
        else:
            value = int(text)
        proxy.extra[name] = value

    keyword(name, sections=PROXY, usage="<number>" if not seconds else "<time>")(tune)


for _side, _face in (("clitcpka", "frontend"), ("srvtcpka", "backend")):
    _keep_alive(f"{_side}-cnt", _face, False)
    _keep_alive(f"{_side}-idle", _face, True)
    _keep_alive(f"{_side}-intvl", _face, True)

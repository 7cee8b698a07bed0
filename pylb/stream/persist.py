"""Which server a stream is bound to before balancing: `force-persist`, `ignore-persist`, `use-server` and the persistence cookie
(configuration.txt 4.2 `cookie`), in the request and in the response.

A server that was *designated* is taken even when balancing would not choose it (no weight, draining); when it is down only `option persist`
and `force-persist` still lead to it. The two letters of what became of the cookie are `stream.cookie_state` (configuration.txt 8.5).
Dates in cookies are counted in steps of four seconds since the epoch and written in base 64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.stream import scruples, sticking
from pylb.wire import rdp
from pylb.wire.cookie_edit import edit_cookies, edit_set_cookies

if TYPE_CHECKING:
    from pylb.config.model import PersistenceCookie
    from pylb.proxy.proxy import Backend
    from pylb.proxy.server import Server
    from pylb.stream.stream import HttpStream

MODES = frozenset(("rewrite", "insert", "prefix", "indirect"))
DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
STEP = 4  # seconds
WIDTH = 5  # digits of a date
FUTURE = 86400  # seconds that a cookie's date may be ahead of us
FORGET = b"=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"


# -- before the request is looked at
def entered(stream: Any) -> None:
    """The stream came to a backend that cares: the first `force-persist` or `ignore-persist` rule that holds counts."""
    backend = stream.backend
    begin_letters(stream, backend)
    for rule in backend.persist_rules:
        if rule.test is None or rule.test(stream, True):
            stream.forced = rule.action == "force-persist"
            stream.ignored = not stream.forced
            return


def begin_letters(stream: Any, backend: Backend) -> None:
    """Letters are kept where a mode is set."""
    if backend.cookie is not None and backend.cookie.flags & MODES:
        stream.cookie_state = "NN"


def requested(stream: Any, letter: str) -> None:
    """What the client's cookie was, or nothing where no letters are kept."""
    if stream.cookie_state != "--":
        stream.cookie_state = letter + stream.cookie_state[1]


def answered(stream: Any, letter: str) -> None:
    """What became of the server's cookie."""
    if stream.cookie_state != "--":
        stream.cookie_state = stream.cookie_state[0] + letter


def designate(stream: Any) -> None:
    """`use-server` rules: the first that holds and names a server that can be used."""
    backend = stream.backend
    for rule in backend.server_rules:
        if rule.test is None or rule.test(stream, True):
            name = rule.target if isinstance(rule.target, str) else rule.target(stream)
            server = backend.servers_by_name.get(name)
            if server is None:
                return
            if is_open(stream, backend, server):
                bind(stream, server)
                return


def is_open(stream: Any, backend: Backend, server: Server) -> bool:
    """May a stream that wants this server have it? Not when it is down, unless words say so."""
    return not server.is_stopped or stream.forced or backend.persists_when_down


def bind(stream: Any, server: Server) -> None:
    stream.wanted = server
    stream.direct = True


def unbind(stream: Any) -> None:
    """The stream goes wherever balancing sends it; a cookie that led to a server which does not answer led to one that is down."""
    stream.wanted = None
    stream.direct = False


def moved(stream: Any) -> None:
    """A redispatch found another server."""
    if stream.cookie_state[0] == "V":
        requested(stream, "D")


# -- the request
def read_request(stream: HttpStream) -> None:
    """`use-server`, then the cookie: find the server it names, and hide it from the server where it shall not see it."""
    backend = stream.backend
    assert backend is not None
    if backend.server_rules:
        designate(stream)
    if backend.cookie is not None:
        read_cookie(stream, backend, backend.cookie)
    stick(stream)


def read_rdp_cookie(stream: Any) -> None:
    """`persist rdp-cookie`: the server whose address the client's cookie holds."""
    backend = stream.backend
    if backend.rdp_cookie is None or stream.wanted is not None:
        return
    try:
        value = rdp.rdp_cookie(b"".join(stream.inbox_request), backend.rdp_cookie)
    except rdp.Incomplete:
        return
    place = rdp.server_of(value) if value is not None else None
    for server in backend.servers if place is not None else ():
        if (server.address.host, server.address.port) == place and is_open(stream, backend, server):
            bind(stream, server)
            return


def stick(stream: Any) -> None:
    """`stick` rules: the server that the table knows, if it can be used."""
    if not stream.backend.stick_rules:
        return
    server = sticking.match(stream)
    if server is not None and is_open(stream, stream.backend, server):
        bind(stream, server)


def refused(stream: HttpStream) -> None:
    """Rules refused the request, maybe before it had a backend: its cookie is looked at nevertheless."""
    backend = stream.backend or stream.frontend.own_backend
    if backend is None or backend.cookie is None or stream.server is not None:
        return
    if stream.backend is None:
        begin_letters(stream, backend)
    read_cookie(stream, backend, backend.cookie)
    stream.server = stream.wanted


def read_cookie(stream: HttpStream, backend: Backend, cookie: PersistenceCookie) -> None:
    """Find the server that the cookie names; hide from servers what they shall not see."""
    if stream.request.headers.contains(b"cookie"):
        if "prefix" in cookie.flags:
            edit_cookies(stream.request.headers, cookie.name, lambda value: without_prefix(stream, backend, value))
        else:
            hidden = {"insert", "indirect"} <= cookie.flags
            edit_cookies(stream.request.headers, cookie.name, lambda value: whole(stream, backend, value, hidden))


def without_prefix(stream: HttpStream, backend: Backend, value: bytes) -> bytes:
    """`prefix`: the server's identifier stands before the application's value."""
    name, tilde, rest = value.partition(b"~")
    follow(stream, backend, name)
    return rest if tilde else value


def whole(stream: HttpStream, backend: Backend, value: bytes, hidden: bool) -> bytes | None:
    """The other modes: the value is the identifier, and dates may follow."""
    name, *dates = value.split(b"|")
    if dates:
        last = read_date(dates[0])
        first = read_date(dates[1]) if len(dates) > 1 else 0
        stream.cookie_dates = (last, first)
        verdict = judged(stream, backend.cookie, last, first)  # type: ignore[arg-type]
        if verdict:
            stream.cookie_dates = (0, 0)
            requested(stream, verdict)
            name = b""
    follow(stream, backend, name)
    return None if hidden else value


def judged(stream: HttpStream, cookie: PersistenceCookie, last: int, first: int) -> str:
    """Is a cookie with these dates too old? "E" for unused too long (`maxidle`), "O" for too old (`maxlife`), or nothing."""
    now = int(stream.process.clock.wall())
    if cookie.maxlife and first and not -FUTURE <= now - first <= cookie.maxlife:
        return "O"
    return "E" if cookie.maxidle and last and not -FUTURE <= now - last <= cookie.maxidle else ""


def follow(stream: HttpStream, backend: Backend, name: bytes) -> None:
    """Go to the server that a cookie names: the first of that name that can be used."""
    found = ""
    if name and not stream.ignored and not stream.direct:
        for server in backend.servers:
            if server.cookie == name:
                found = "D" if server.is_stopped else "V"
                if is_open(stream, backend, server):
                    bind(stream, server)
                    break
    if not found and stream.cookie_state[0] == "N":
        found = "U" if stream.ignored or stream.direct else "I"
    if found:
        requested(stream, found)


# -- the response
def write_response(stream: HttpStream) -> None:
    """What the server set under the cookie's name, then what we set."""
    cookie, response = stream.backend.cookie, stream.response  # type: ignore[union-attr]
    assert cookie is not None and response is not None
    if stream.ignored:
        return
    if scruples.sets_cookie(response.headers):
        edit_set_cookies(response.headers, cookie.name, lambda value: servers_value(stream, cookie, value))
    if "insert" in cookie.flags and stream.server is not None and wants_cookie(stream, cookie):
        insert(stream, cookie, stream.server)


def servers_value(stream: HttpStream, cookie: PersistenceCookie, value: bytes) -> bytes | None:
    """The server set the cookie itself."""
    own = stream.server.cookie if stream.server is not None else None
    mark, new = "P", value
    if "preserve" in cookie.flags:
        pass
    elif "insert" in cookie.flags or ("indirect" in cookie.flags and stream.direct):
        answered(stream, "D")
        return None
    elif own is not None and "rewrite" in cookie.flags:
        mark, new = "R", own
    elif own is not None and "prefix" in cookie.flags:
        mark, new = "R", own + b"~" + value
    answered(stream, mark)
    return new


def wants_cookie(stream: HttpStream, cookie: PersistenceCookie) -> bool:
    """Must the client be told (again) where it belongs?"""
    if "postonly" in cookie.flags and stream.request.method != b"POST":
        return False
    if "preserve" in cookie.flags and stream.cookie_state[1] == "P":
        return False
    return not stream.direct or is_outdated(stream, cookie)


def is_outdated(stream: HttpStream, cookie: PersistenceCookie) -> bool:
    """Is the right cookie's date wrong for the next visit?"""
    last, first = stream.cookie_dates
    if (cookie.maxidle or last) and last < int(stream.process.clock.wall()) // STEP * STEP:
        return True
    return bool(cookie.maxlife) != bool(first)


def insert(stream: HttpStream, cookie: PersistenceCookie, server: Server) -> None:
    """Add the `Set-Cookie`, and keep caches from showing it to others."""
    headers = stream.response.headers  # type: ignore[union-attr]
    if server.cookie is None:
        text = cookie.name + FORGET
    else:
        text = cookie.name + b"=" + server.cookie + dates_for(stream, cookie) + b"; path=/"
    text += b"".join(b"; domain=" + domain for domain in cookie.domains)
    text += b"; HttpOnly" if "httponly" in cookie.flags else b""
    text += b"; Secure" if "secure" in cookie.flags else b""
    text += b"".join(b"; " + attribute for attribute in cookie.attributes)
    cacheable = "nocache" in cookie.flags and scruples.is_cacheable(stream.request, stream.response)  # type: ignore[arg-type]
    headers.add(b"set-cookie", text)
    answered(stream, "U" if server.cookie is not None and stream.direct else "I")
    if cacheable:
        headers.add(b"cache-control", b"private")


def dates_for(stream: HttpStream, cookie: PersistenceCookie) -> bytes:
    """The dates that follow the server's identifier: of this visit, and of the first one."""
    if not cookie.maxidle and not cookie.maxlife:
        return b""
    now = int(stream.process.clock.wall())
    text = b"|" + write_date(now)
    if cookie.maxlife:
        text += b"|" + write_date(stream.cookie_dates[1] or now)
    return text


def read_date(text: bytes) -> int:
    """Seconds since the epoch; 0 for what is no date."""
    steps = 0
    for digit in text[:WIDTH]:
        value = DIGITS.find(digit)
        if value < 0:
            return 0
        steps = steps * 64 + value
    return steps * STEP if len(text) >= WIDTH else 0


def write_date(moment: int) -> bytes:
    steps = moment // STEP
    return bytes(DIGITS[steps >> shift & 63] for shift in range(6 * (WIDTH - 1), -1, -6))

"""How bodies are framed where that is not obvious: by statuses that nobody uses, and by rules that write or remove the fields that say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import OK, Case
from stream_http_cases import WEBSOCKET, chunked, get, post
from stream_peers import BODY, CLOSE, Answers, Script, Until

CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
# What a server says of its body, and the body.
FRAMINGS = {
    "none": ("", b"hello"),
    "empty": ("Content-Length: 0\r\n", b""),
    "length": ("Content-Length: 5\r\n", b"hello"),
    "chunk": ("Transfer-Encoding: chunked\r\n", CHUNKS),
    "both": ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKS),
    "trailers": ("Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"),
}
KEEP = "Connection: keep-alive\r\n"


def case(name: str, status: str, framing: str, method: str = "GET", client: str = "1.1", server: str = "1.1", late: bool = False, back: str = "", front: str = "", more: bytes = b"") -> Case:
    """A response with this status and framing, then a plain request on the same connection."""
    fields, body = FRAMINGS[framing]
    head = f"HTTP/{server} {status} X\r\n{fields}\r\n".encode()
    said: Script = (head, 0.05, body) if late else (head + body + more,)
    leaves: Script = (0.05, CLOSE) if framing == "none" else ()
    requests = (get("/1", KEEP * (client == "1.0"), method, client), 0.12, get("/2", KEEP * (client == "1.0"), version=client), 0.05)
    return Case(name, requests, front, back, origin={b"/1": (BODY, *said, *leaves), b"/2": (BODY, OK)}, answers=0, patience=0.12, logs=2)


def statuses() -> Iterator[Case]:
    for status in ("000", "050", "99", "0200", "1304", "65740", "40000"):
        for framing in FRAMINGS if status == "050" else ("none", "length", "chunk"):
            yield case(f"status_{status}_{framing}", status, framing)
    for framing in ("none", "length", "chunk"):
        for status in ("050", "9"):
            yield case(f"status_{status}_{framing}_head", status, framing, "HEAD")
        yield case(f"status_050_{framing}_late", "050", framing, late=True)
        yield case(f"status_65636_{framing}", "65636", framing)
        for status in ("050", "700"):
            for method in ("GET", "HEAD"):
                for client in ("1.0", "1.1"):
                    yield case(f"status_{status}_{framing}_{method.lower()}_{client[2]}0", status, framing, method, client, "1.0")
    for framing in ("none", "empty", "length", "chunk", "both"):
        yield case(f"status_101_{framing}_unasked", "101", framing)
        yield case(f"status_101_{framing}_unasked_head", "101", framing, "HEAD")
    for framing in ("empty", "length", "chunk"):
        fields, _ = FRAMINGS[framing]
        yield Case(f"status_150_{framing}", (get("/1"), Answers(1), get("/2")), origin={b"/1": (BODY, f"HTTP/1.1 150 X\r\n{fields}\r\n".encode() + OK)})
        switch = f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n{fields}\r\n".encode()
        yield Case(f"status_101_{framing}", (get(headers=WEBSOCKET.replace("websocket", "foo")), Until(b"\r\n\r\n"), b"ping", Until(b"pong")), origin=(BODY, switch, Until(b"ping"), b"pong", CLOSE), answers=0, patience=0.3)
    for status, front in (("40000", "http-response set-header x %[status]"), ("99", "http-response set-header x %[status]"), ("099", "http-response set-status 200"), ("1304", "http-response set-status 299")):
        yield case(f"status_{status}_seen", status, "length", front=front)


ONLY_FIRST = "http-request set-var(txn.path) path\n"


def set_statuses() -> Iterator[Case]:
    """Rules that put a status whose body is another matter than that of the response they find."""
    for found in ("200", "204", "050"):
        for status in ("101", "150", "200", "204", "304"):
            for framing in ("none", "empty", "length", "chunk"):
                if status != found:
                    rule = f"{ONLY_FIRST}http-response set-status {status} if {{ var(txn.path) -m str /1 }}"
                    yield case(f"set_status_{found}_{status}_{framing}", found, framing, back=rule)
    for status in ("204", "304"):
        for framing in ("none", "length", "chunk"):
            yield case(f"set_status_head_{status}_{framing}", "200", framing, "HEAD", back=f"http-response set-status {status}")
            yield case(f"set_status_late_{status}_{framing}", "200", framing, late=True, back=f"http-response set-status {status}")


# What rules do to the fields that say how long a body is, one after the other.
CHANGES = {
    "cl5": ("set-header content-length 5",),
    "cl3": ("set-header content-length 3",),
    "cl9": ("set-header content-length 9",),
    "clx": ("set-header content-length x",),
    "add7": ("add-header content-length 7",),
    "add5": ("add-header content-length 5",),
    "delcl": ("del-header content-length",),
    "delte": ("del-header transfer-encoding",),
    "chunked": ("set-header transfer-encoding chunked",),
    "gzip": ("add-header transfer-encoding gzip",),
    "swap": ("del-header transfer-encoding", "set-header content-length 5"),
    "swap3": ("del-header transfer-encoding", "set-header content-length 3"),
    "other": ("del-header content-length", "set-header transfer-encoding chunked"),
}
REQUESTS = {
    "get": get("/1"),
    "post": post("/1"),
    "empty": post("/1", b""),
    "chunk": chunked("/1"),
    "old": get("/1", KEEP, version="1.0"),
    "old_post": post("/1", headers=KEEP, version="1.0"),
}


def changes(name: str) -> str:
    return ONLY_FIRST + "\n".join(f"http-response {change} if {{ var(txn.path) -m str /1 }}" for change in CHANGES[name])


def changed_responses() -> Iterator[Case]:
    for name in CHANGES:
        for framing in ("none", "empty", "length", "chunk"):
            yield case(f"change_{name}_{framing}", "200", framing, back=changes(name))
        yield case(f"change_{name}_chunk_head", "200", "chunk", "HEAD", back=changes(name))
        yield case(f"change_{name}_chunk_304", "304", "chunk", back=changes(name))
        for framing in ("length", "chunk"):
            yield case(f"change_{name}_{framing}_late", "200", framing, late=True, back=changes(name))
            yield case(f"change_{name}_{framing}_10", "200", framing, server="1.0", back=changes(name))
        yield case(f"change_{name}_chunk_204", "204", "chunk", back=changes(name))
        yield case(f"change_{name}_chunk_00", "200", "chunk", client="1.0", server="1.0", back=changes(name))
        yield case(f"change_{name}_length_01", "200", "length", client="1.0", back=changes(name))


def changed_requests() -> Iterator[Case]:
    for name, rules in CHANGES.items():
        text = "\n".join(f"http-request {rule} if {{ path /1 }}" for rule in rules)
        for kind, request in REQUESTS.items():
            where = {"front": text} if kind in ("get", "chunk") else {"back": text}
            yield Case(f"change_{name}_{kind}_request", (request, 0.1, get("/2"), 0.08), origin={b"/1": (0.02, OK), b"/2": (0.02, OK)}, answers=0, patience=0.1, logs=2, **where)


def other_answers() -> Iterator[Case]:
    """The same rules where no server answers, and where a filter frames the body anew."""
    for name in ("cl5", "cl3", "clx", "delcl", "chunked", "other"):
        rules = "".join(f"http-after-response {rule}\n" for rule in CHANGES[name])
        for kind, answer in (("return", "http-request return status 200 content-type text/plain string hello"), ("deny", "http-request deny"), ("redirect", "http-request redirect location /x")):
            yield Case(f"own_{name}_{kind}", (get("/1"), 0.1, get("/2"), 0.08), front=f"{rules}{answer} if {{ path /1 }}", answers=0, patience=0.1, logs=2)
        front = "\n".join(f"http-response {rule}" for rule in CHANGES[name]) + "\ncompression algo identity"
        for framing in ("length", "chunk"):
            fields, body = FRAMINGS[framing]
            said = f"HTTP/1.1 200 X\r\nContent-Type: text/plain\r\n{fields}\r\n".encode() + body
            yield Case(f"filtered_{name}_{framing}", (get("/1", "Accept-Encoding: identity\r\n"), 0.1), front=front, origin=(BODY, said), answers=0, patience=0.1)
    for status in ("204", "304"):
        yield Case(f"own_status_{status}", (get("/1"), 0.1, get("/2"), 0.08), front=f"http-after-response set-status {status}\nhttp-request return status 200 content-type text/plain string hello if {{ path /1 }}", answers=0, patience=0.1, logs=2)


CASES: Sequence[Case] = [*statuses(), *set_statuses(), *changed_responses(), *changed_requests(), *other_answers()]

"""Cases of the comparison with haproxy: its own form of messages, and distcc's protocol."""

from __future__ import annotations

from rules_rig import Case, get

NUMBERS = ("data", "free", "free_data", "has_eom", "nbblks", "size", "used")
PARTS = ("size", "type", "hdrname", "hdrval", "start_line", "data")
ASKED = [get("/abc", headers="X: y\r\n"), get("/", method="POST", body="abc")]
DISTCC = b"DIST00000002ARGC00000002ARGV00000003gccARGV00000002-cDOTI00000005int x"
ANSWER = b"DONE00000002STAT00000000SERR00000003errSOUT00000000DOTO00000004code"
TOKENS = "DIST DONE STAT ARGC NFIL NAME FILE LINK CDIR SOUT SERR DOTO EXIT dist XXXX".split()


def keep(rules: str, letter: str, fetches: list[str]) -> str:
    """Rules that keep the values of these fetches."""
    return "".join(f"{rules} set-var(txn.{letter}{number}) {fetch}\n" for number, fetch in enumerate(fetches))


def show(**letters: int) -> str:
    return "log-format " + "|".join(f"%[var(txn.{letter}{number})]" for letter, count in letters.items() for number in range(count)) + "%B\n"


def both(fetches: list[str]) -> str:
    count = len(fetches)
    return keep("http-request", "q", fetches) + keep("http-response", "r", fetches) + show(q=count, r=count)


def distcc(name: str, fetches: list[str], data: bytes) -> Case:
    """A message of distcc, whose parts are logged."""
    rules = "".join(f"tcp-request content set-var(txn.a{number}) {fetch} if {{ req.len ge 40 }}\n" for number, fetch in enumerate(fetches))
    front = f"tcp-request inspect-delay 400ms\n{rules}tcp-request content accept if {{ distcc_param(DOTI) -m found }}\n{show(a=len(fetches))}"
    return Case(f"distcc_{name}", front, send=[data], tcp=True, logs=1, patience=0.6)


def distcc_answer(name: str, fetches: list[str], origin: bytes) -> Case:
    """An answer of a distcc server, whose parts are logged."""
    rules = "".join(f"tcp-response content set-var(txn.a{number}) {fetch} if {{ res.len ge 60 }}\n" for number, fetch in enumerate(fetches))
    back = f"tcp-response inspect-delay 300ms\n{rules}tcp-response content accept if {{ distcc_param(DOTO) -m found }}\n"
    return Case(f"distcc_answer_{name}", show(a=len(fetches)), back=back, send=[b"x"], origin=origin, tcp=True, logs=1, hang_up=True)


INTERNALS = [
    Case("htx", both([f"internal.htx.{name}" for name in NUMBERS]), send=ASKED, logs=2),
    Case(
        "htx_incomplete",
        keep("http-request", "q", [f"internal.htx.{name}" for name in NUMBERS]) + show(q=7),
        send=[b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab", 0.1, b"cdefghij"],
        logs=1,
    ),
    *[
        Case(f"htx_block_{place}", both([f"internal.htx_blk.{part}({place})" for part in PARTS]), send=ASKED, logs=2)
        for place in ("0", "1", "2", "3", "9", "head", "tail", "first")
    ],
    Case("is_htx", "http-request set-var(txn.a0) internal.strm.is_htx\n" + show(a=1), send=[get()]),
    Case("is_not_htx", "tcp-request content set-var(txn.a0) internal.strm.is_htx\n" + show(a=1), send=[b"x"], tcp=True, logs=1, patience=0.3),
    distcc("numbers", [f"distcc_param({argument})" for argument in ("DIST", "ARGC", "ARGV", "ARGV,2", "ARGV,3", "DOTI", "NONE")], DISTCC),
    distcc("bodies", [f"distcc_body({argument})" for argument in ("ARGV", "ARGV,1", "ARGV,2", "DOTI", "DIST", "DOTI,2")], DISTCC),
    distcc("no_number", ["distcc_param(DIST)", "distcc_param(ARGC)"], b"DIST0000000xARGC00000002" + b"x" * 40),
    distcc_answer("whole", ["distcc_param(DONE)", "distcc_body(SERR)", "distcc_body(DOTO)", "distcc_param(DOTO,2)"], ANSWER),
    *[
        distcc(token, [f"distcc_body({token})", f"distcc_param({token})", "distcc_param(DOTI)"], token.encode() + b"00000003abcDOTI00000002xy" + b"z" * 20)
        for token in TOKENS
    ],
]

"""Server selection against the real thing: same farm, same events, same requests, same servers."""

from __future__ import annotations

import random
import socket
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from oracle import needs_haproxy
from running import Client, Running, running

from pylb.proxy.balance import ALL_FULL

sys.path.insert(0, str(Path(__file__).parents[1]))
from farm import farm, served, stream, weighted
from farm import server as settings_of

pytestmark = needs_haproxy

WEIGHTS = [1, 1, 1, 2, 3, 5, 7, 10, 20, 77, 100, 256]
FUNCTIONS = ("sdbm", "djb2", "wt6", "crc32")
STATIC = ("static-rr", "map-based")


class Farm:
    """One farm in both programs."""

    def __init__(self, dice: random.Random, number: int, word: str, options: tuple[str, ...]) -> None:
        self.dice, self.number, self.word, self.options = dice, number, word, options
        size = 2 + number % 8
        self.weights = [dice.choice([*WEIGHTS, dice.randint(1, 256)]) for _ in range(size)]
        self.backups = {n for n in range(1, size + 1) if dice.random() < 0.3} if number % 3 == 0 else set()
        self.hashing: dict[str, Any] = {}
        if word in ("map-based", "consistent"):
            self.hashing = {"hash_method": word, "hash_function": FUNCTIONS[number % 4], "avalanche": number % 8 > 3}
        self.ours = weighted(self.weights, self.backups, options, **self.balance())

    def balance(self) -> dict[str, Any]:
        if self.hashing:
            return {"algorithm": "hdr", "arguments": {"name": "x-key"}, **self.hashing}
        return {"algorithm": self.word}

    def section(self, theirs: Running) -> str:
        words = f" balance {self.word}\n"
        if self.hashing:
            words = f" balance hdr(x-key)\n hash-type {self.word} {self.hashing['hash_function']}{' avalanche' if self.hashing['avalanche'] else ''}\n"
        return theirs.server_lines(self.number, self.weights, self.backups) + words + "".join(f" option {option}\n" for option in self.options)

    def requests(self) -> list[str | None]:
        """Keys; None: a request without one."""
        absent = 0.3 if self.hashing else 1.0
        return [None if self.dice.random() < absent else f"key{self.dice.randint(0, 10**6)}" for _ in range(self.dice.randint(1, 60))]

    def our_servers(self, keys: list[str | None]) -> list[int]:
        ids = []
        for key in keys:
            ids += served(self.ours, 1, stream(headers=[(b"x-key", key.encode())] if key else []))
            if not ids[-1]:
                break
        return ids

    def happen(self, theirs: Running) -> str:
        """Change one server in both."""
        server = self.dice.choice(self.ours.servers)
        static = self.word in STATIC
        weight = self.dice.choice([0, server.iweight] if static else [0, 1, 2, 7, 100, 256, server.iweight])
        event = self.dice.choice(["state maint", "state drain", "state ready", f"weight {weight}", f"weight {weight}"])
        answer = theirs.command(f"set server l{self.number}/{server.name} {event}")
        what, value = event.split()
        if what == "state":
            server.command_state(value, 0.0)
        else:
            assert (server.set_weight(value, 0.0) or "") == answer.strip()
        return f"{server.name} {event}"


@pytest.mark.parametrize("word", ["roundrobin", "static-rr", "leastconn", "first", "map-based", "consistent"])
@pytest.mark.parametrize("options", [(), ("allbackups",)])
def test_same_servers_through_changes(word: str, options: tuple[str, ...], tmp_path: Path) -> None:
    dice = random.Random(f"{word}{options}")
    farms = [Farm(dice, number, word, options) for number in range(12)]
    with running(tmp_path, len(farms), lambda theirs: "".join(farm.section(theirs) for farm in farms)) as theirs:
        for farm in farms:
            history: list[Any] = [farm.weights, farm.backups]
            for _ in range(8):
                keys = farm.requests()
                with Client(theirs.ports[farm.number]) as client:
                    expected = client.servers([("/", f"X-Key: {key}\r\n" if key else "") for key in keys])
                assert farm.our_servers(keys) == expected, history
                history += [len(keys), farm.happen(theirs)]


@pytest.mark.parametrize("method", ["map-based", "consistent"])
def test_a_thousand_uris(method: str, tmp_path: Path) -> None:
    """Each size of farm from 2 to 9 with unequal weights, every function with and without avalanche; one server down; after a change of weights."""
    dice = random.Random(method)
    targets = ["/" + "".join(dice.choice("abcXYZ019-_/.") for _ in range(dice.randint(0, 30))) + dice.choice(["", "?a=1"]) for _ in range(1000)]
    kinds = [(function, avalanche) for function in FUNCTIONS for avalanche in (False, True)]
    farms = [[dice.randint(1, 20) for _ in range(size)] for size in range(2, 10)]

    def sections(theirs: Running) -> str:
        return "".join(
            f"{theirs.server_lines(n, weights)} balance uri\n hash-type {method} {function}{' avalanche' if avalanche else ''}\n"
            for n, (weights, (function, avalanche)) in enumerate(zip(farms, kinds, strict=True))
        )

    with running(tmp_path, len(farms), sections) as theirs:
        for number, (weights, (function, avalanche)) in enumerate(zip(farms, kinds, strict=True)):
            ours = weighted(weights, algorithm="uri", hash_method=method, hash_function=function, avalanche=avalanche)
            with Client(theirs.ports[number]) as client:
                for change in CHANGES:
                    change(ours, theirs, number, method)
                    expected = client.servers([(target, "") for target in targets[:1000]])
                    assert [ours.balancer.pick(stream(target.encode())).id for target in targets] == expected, change


def nothing(ours: Any, theirs: Running, number: int, method: str) -> None:
    """All servers, with the weights of the configuration."""


def one_down(ours: Any, theirs: Running, number: int, method: str) -> None:
    """The second server leaves."""
    ours.servers[1].command_state("maint", 0.0)
    theirs.command(f"disable server l{number}/s2")


def other_weights(ours: Any, theirs: Running, number: int, method: str) -> None:
    """It comes back, and the first gets another weight: none, or any where weights may change."""
    ours.servers[1].command_state("ready", 0.0)
    theirs.command(f"enable server l{number}/s2")
    weight = "0%" if method == "map-based" else "37"
    assert not ours.servers[0].set_weight(weight, 0.0)
    assert not theirs.command(f"set weight l{number}/s1 {weight}").strip()


CHANGES = (nothing, one_down, other_weights)


@pytest.mark.parametrize("method", ["map-based", "consistent"])
def test_a_thousand_local_sources(method: str, tmp_path: Path) -> None:
    """Each size of farm from 2 to 9 with unequal weights, then with one server down, then after a change of weights: clients all over 127.0.0.0/8."""
    dice = random.Random(method)
    sources = [f"127.{dice.randint(0, 255)}.{dice.randint(0, 255)}.{dice.randint(1, 254)}" for _ in range(1000)]
    farms = [[dice.randint(1, 20) for _ in range(size)] for size in range(2, 10)]

    def sections(theirs: Running) -> str:
        return "".join(f"{theirs.server_lines(n, weights)} balance source\n hash-type {method}\n" for n, weights in enumerate(farms))

    with running(tmp_path, len(farms), sections) as theirs:
        for number, weights in enumerate(farms):
            ours = weighted(weights, algorithm="source", hash_method=method, avalanche=method == "consistent")
            for change in CHANGES:
                change(ours, theirs, number, method)
                for source in sources:
                    with Client(theirs.ports[number], source) as client:
                        assert [ours.balancer.pick(stream(source=source)).id] == client.servers([("/", "")]), (change, source)


@pytest.mark.parametrize("method", ["map-based", "consistent"])
def test_a_thousand_sources(method: str, tmp_path: Path) -> None:
    """Addresses of clients, through the PROXY protocol: IPv4, IPv6, and a few real ones of 127.0.0.0/8."""
    dice = random.Random(method)
    weights = [3, 1, 5, 2, 7]
    sources = [f"{dice.randint(1, 223)}.{dice.randint(0, 255)}.{dice.randint(0, 255)}.{dice.randint(1, 254)}" for _ in range(900)]
    sources += [":".join(f"{dice.randint(0, 65535):x}" for _ in range(8)) for _ in range(100)]

    def sections(theirs: Running) -> str:
        lines = theirs.server_lines(0, weights).replace(f":{theirs.ports[0]}\n", f":{theirs.ports[0]} accept-proxy\n")
        return f"{lines} balance source\n hash-type {method}\n{theirs.server_lines(1, weights)} balance source\n hash-type {method} sdbm avalanche\n"

    with running(tmp_path, 2, sections) as theirs:
        ours = weighted(weights, algorithm="source", hash_method=method, avalanche=method == "consistent")
        for source in sources:
            family = "TCP6 {} ::1" if ":" in source else "TCP4 {} 127.0.0.1"
            with Client(theirs.ports[0], preface=f"PROXY {family.format(source)} 1 2\r\n".encode()) as client:
                assert [ours.balancer.pick(stream(source=source)).id] == client.servers([("/", "")]), source
        ours = weighted(weights, algorithm="source", hash_method=method, avalanche=True)
        for number in range(100):
            source = f"127.{number}.{number * 7 % 256}.{number + 1}"
            with Client(theirs.ports[1], source) as client:
                assert [ours.balancer.pick(stream(source=source)).id] == client.servers([("/", "")]), source


KEYS = {
    "uri": ({}, ["/ab/cd/ef?x=1/2", "/", "/a?", "/a//b///c"]),
    "uri len 5": ({"len": 5}, ["/ab/cd/ef?x=1/2", "/a", "/a?bcdef"]),
    "uri depth 2": ({"depth": 2}, ["/ab/cd/ef?x=1/2", "/a", "/a//b///c", "/a?/b/c/d"]),
    "uri whole depth 3": ({"whole": True, "depth": 3}, ["/ab/cd/ef?x=1/2", "/a?/b/c/d", "/"]),
    "uri path-only": ({"path-only": True}, ["/ab/cd?x", "http://x/ab/cd?x"]),
    "url_param id": ({"name": "id"}, ["/?id=abc", "/?a=1&id=x&b", "/?id=", "/?idx=1&id=zz", "/?id=1&id=2", "/?id==5", "/?&id=7", "/?id=a;b=c", "/?id=x+y%20z"]),
}
HEADERS = {
    "hdr(x-k)": ({"name": "x-k"}, ["abc", "a,b", "  spaced  ", '"q,r",s']),
    "hdr(x-k) use_domain_only": (
        {"name": "x-k", "use_domain_only": True},
        ["haproxy.1wt.eu", "localhost", "foo.com", "a.b.c.d.", "x.", ".com", "a..b", "..", "www.foo.com:80"],
    ),
}


def test_what_is_hashed(tmp_path: Path) -> None:
    weights = [1] * 199
    words = [*KEYS, *HEADERS]

    def sections(theirs: Running) -> str:
        return "".join(f"{theirs.server_lines(n, weights)} balance {word}\n hash-type map-based wt6\n" for n, word in enumerate(words))

    with running(tmp_path, len(words), sections) as theirs:
        for number, word in enumerate(words):
            arguments, inputs = (KEYS | HEADERS)[word]
            ours = weighted(weights, algorithm=word.partition(" ")[0].partition("(")[0], arguments=arguments, hash_function="wt6")
            for text in inputs:
                header = word in HEADERS
                request = ("/", f"X-K: {text}\r\n") if header else (text, "")
                mine = stream(b"/" if header else text.encode(), headers=[(b"x-k", text.strip().encode())] if header else [])
                with Client(theirs.ports[number]) as client:
                    assert [ours.balancer.pick(mine).id] == client.servers([request]), (word, text)


def test_random_follows_the_weights(tmp_path: Path) -> None:
    weights = [1, 2, 5]
    with running(tmp_path, 1, lambda theirs: f"{theirs.server_lines(0, weights)} balance random\n") as theirs, Client(theirs.ports[0]) as client:
        expected = Counter(client.servers([("/", "")] * 4000))
    ours = Counter(served(weighted(weights, algorithm="random"), 4000))
    for number in (1, 2, 3):
        assert abs(ours[number] - expected[number]) < 200


class Held:
    """An origin that answers when told, so that slots stay taken."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("0.0.0.0", 0), backlog=100)
        self.listener.settimeout(5)
        self.port = self.listener.getsockname()[1]

    def accept(self) -> tuple[int, socket.socket]:
        """Which server a request came to, and its connection."""
        connection, _ = self.listener.accept()
        return int(connection.getsockname()[0].split(".")[3]), connection


@pytest.mark.parametrize(("word", "factor"), [("roundrobin", 0), ("static-rr", 0), ("leastconn", 0), ("first", 0), ("uri", 125), ("uri", 150)])
def test_same_servers_while_slots_are_taken(word: str, factor: int, tmp_path: Path) -> None:
    """Streams that stay, with limits: leastconn's order, full servers passed over, `first` filling up, `hash-balance-factor` spreading."""
    dice = random.Random(f"{word}{factor}")
    sizes = [[(dice.choice(WEIGHTS), dice.choice([0, 1, 2, 3, 5]) if not factor else 0) for _ in range(dice.randint(2, 6))] for _ in range(8)]
    held = Held()

    def sections(theirs: Running) -> str:
        hashing = f" hash-type consistent\n hash-balance-factor {factor}\n" if factor else ""
        return "".join(
            f"listen l{n}\n bind 127.0.0.1:{theirs.ports[n]}\n balance {word}\n{hashing}"
            + "".join(f" server s{i} 127.0.1.{i}:{held.port} weight {weight} maxconn {limit}\n" for i, (weight, limit) in enumerate(size, 1))
            for n, size in enumerate(sizes)
        )

    with running(tmp_path, len(sizes), sections) as theirs:
        for number, size in enumerate(sizes):
            servers = [settings_of(f"s{n}", weight=weight, maxconn=limit) for n, (weight, limit) in enumerate(size, 1)]
            ours = farm(servers, algorithm=word, hash_method="consistent", avalanche=True, balance_factor=factor)
            hold_and_release(dice, ours, theirs.ports[number], held)
    held.listener.close()


def hold_and_release(dice: random.Random, ours: Any, port: int, held: Held) -> None:
    """Open and end streams in a random order; each must come to the same server in both."""
    streams: list[tuple[Client, socket.socket, Any]] = []
    history: list[int] = []
    for _ in range(60):
        if not streams or (dice.random() < 0.65 and not all(one.is_full() for one in ours.servers)):
            target = f"/{dice.randint(0, 10**5)}"
            client = Client(port)
            client.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            asked, connection = held.accept()
            chosen = ours.balancer.pick(stream(target.encode()))
            assert chosen is not ALL_FULL
            assert chosen.id == asked, history
            chosen.take()
            streams.append((client, connection, chosen))
            history.append(asked)
        else:
            client, connection, chosen = streams.pop(dice.randrange(len(streams)))
            with connection:
                connection.recv(9999)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            with client:
                client.file.readline()
            chosen.drop()
            history.append(-chosen.id)
    for client, connection, _ in streams:
        connection.close()
        with client:
            pass

"""From the words of a proxy and a server to the rules of its check: what HAProxy completes before it starts.

A rule set without a connect gets one that follows the server line; an HTTP check without a send gets the request of `option httpchk`, and one
whose last send is followed by no expect wants a status from 200 to 399.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.base.errors import NotImplementedYet
from pylb.base.net import ConnectOptions
from pylb.config import model
from pylb.config.tls import store_of
from pylb.tasks.agent import agent_steps
from pylb.tasks.check_http import DEFAULT_EXPECT, HttpExpect, HttpSend
from pylb.tasks.check_kinds import KINDS
from pylb.tasks.check_rules import ConnectRule, ExpectRule, Facts, Rule, RuleSet, SendRule, TcpExpect, VariableRule
from pylb.wire.tls_options import SPOKEN, TlsServer

if TYPE_CHECKING:
    from pylb.proxy.server import Server
    from pylb.wire.tls_context import TlsContext

TITLE: Final = "(tcp-check)"
PREPARING: Final = ("comment", "set-var", "set-var-fmt", "unset-var")


def rules_for(server: Server) -> RuleSet:
    """The rules of this server's health check."""
    settings = server.backend.settings
    kind = settings.health_check.kind
    if kind == "httpchk":
        return finish(server, RuleSet(http_rules(settings), speaks_http=True))
    if kind == "tcp-check":
        return finish(server, RuleSet(tcp_rules(settings), TITLE if settings.tcp_check else "", tells_steps=bool(settings.tcp_check)))
    if kind == "tcp":
        return finish(server, RuleSet())
    make = KINDS.get(kind)
    if make is None:
        raise NotImplementedYet(f"option {kind}")
    return finish(server, RuleSet(make(settings.health_check.facts)))


# -- as written
def numbered(steps: list[model.HttpCheckStep]) -> list[tuple[str, Facts, int, str]]:
    """Steps with their numbers and comments: a `comment` step speaks for the rules behind it that have none of their own."""
    found, comment = [], ""
    for number, step in enumerate(steps, 1):
        if step.kind == "comment":
            comment = step.facts["comment"]
            continue
        found.append((step.kind, step.facts, number, step.facts.get("comment") or comment))
    return found


def tcp_rules(settings: model.Proxy) -> list[Rule]:
    """`tcp-check` as written."""
    return [rule(*step) for step in numbered(settings.tcp_check)]


def rule(kind: str, facts: Facts, number: int, comment: str) -> Rule:
    """One step of a TCP check, or one that both kinds of checks have."""
    if kind == "connect":
        return ConnectRule(facts, number, comment)
    if kind == "expect":
        return TcpExpect(facts, number, comment)
    if kind.startswith("send"):
        return SendRule({**facts, "hexadecimal": kind == "send-binary-lf"}, number, comment)
    return VariableRule(kind, facts, number)


def http_rules(settings: model.Proxy) -> list[Rule]:
    """`http-check` upon `option httpchk`."""
    steps = numbered(settings.http_check)
    at = next((index for index, step in enumerate(steps) if step[0] not in PREPARING), len(steps))
    if at < len(steps) and steps[at][0] == "connect":
        at = next((index for index, step in enumerate(steps) if index > at and step[0] not in PREPARING), len(steps))
    if at == len(steps) or steps[at][0] != "send":
        steps.insert(at, ("send", {"headers": []}, 0, ""))
    steps[at] = (*steps[at][:1], merged(settings.health_check, steps[at][1]), *steps[at][2:])
    if "expect" not in [step[0] for step in steps[last_send(steps) :]]:
        steps.append(("expect", DEFAULT_EXPECT, 0, steps[-1][3]))
    return [http_rule(settings, *step) for step in steps]


def last_send(steps: list[tuple[str, Facts, int, str]]) -> int:
    """Where the last send stands."""
    return max(index for index, step in enumerate(steps) if step[0] == "send")


def merged(check: model.HealthCheck, given: Facts) -> Facts:
    """The request of `option httpchk` with what `http-check send` changes."""
    own: Facts = {"method": check.method, "uri": check.uri, "version": check.version, "body": check.body}
    return {**own, **given, "headers": given["headers"] or check.headers}


def http_rule(settings: model.Proxy, kind: str, facts: Facts, number: int, comment: str) -> Rule:
    """One step of an HTTP check."""
    if kind == "send":
        whole = {"method": b"OPTIONS", "uri": b"/", "version": b"HTTP/1.0", "body": b"", **facts}
        return HttpSend(whole, number, comment, "send-state" in settings.http_check_options)
    if kind == "expect":
        return HttpExpect(facts, number, comment, "disable-on-404" in settings.http_check_options)
    return rule(kind, facts, number, comment)


# -- completed for a server
def finish(server: Server, rules: RuleSet) -> RuleSet:
    """Add the first connect where there is none, and let every connect know how this server is connected to."""
    steps = rules.rules
    first = next((one for one in steps if not isinstance(one, VariableRule)), None)
    if not isinstance(first, ConnectRule):
        steps.insert(0, ConnectRule({"default": True}))
    is_http = any(isinstance(one, HttpSend) for one in steps)
    for index, one in enumerate(steps):
        if isinstance(one, ConnectRule):
            follower = next((after for after in steps[index + 1 :] if not isinstance(after, VariableRule)), None)
            complete(server, one, is_http, waits=isinstance(follower, ExpectRule | ConnectRule))
            one.alone = len(steps) == 1 and not (one.linger or one.context or one.proxy or one.socks)
    return rules


def complete(server: Server, connect: ConnectRule, is_http: bool, *, waits: bool) -> None:
    """Fill in what a connect takes from the server line."""
    settings, check, facts = server.settings, server.settings.check, connect.facts
    follows = bool(facts.get("default"))
    elsewhere = bool(check.port or check.address)
    connect.linger = bool(facts.get("linger"))
    connect.leaves_politely = is_http
    secure = bool(facts.get("ssl")) or (follows and (check.use_ssl or (check.use_ssl is None and settings.ssl and not elsewhere)))
    if secure:
        alpn = facts["alpn"].split(",") if "alpn" in facts else list(check.alpn) if follows else []
        connect.context = context_of(server, is_http)
        connect.alpn = alpn or None
        connect.linger = connect.linger or is_http  # TLS says goodbye under HTTP
        connect.sni = facts.get("sni") or (check.sni if follows else None)
    if facts.get("send_proxy"):
        connect.proxy = "v1"
    elif follows and (check.send_proxy or (settings.send_proxy and not elsewhere)):
        connect.proxy = settings.send_proxy or "v1"
    if settings.socks4 is not None and (facts.get("via_socks4") or (follows and check.via_socks4)):
        connect.socks = settings.socks4.endpoint()
    source = settings.source["address"] if isinstance(settings.source, dict) else None
    connect.options = ConnectOptions(
        source=source.endpoint() if source is not None and source.is_ip else None, interface=settings.interface, quick_ack=waits or connect.proxy is not None
    )


def context_of(server: Server, is_http: bool) -> TlsContext:
    """The TLS of the server line, made once for all its checks."""
    made: dict[str, Any] = server.__dict__.setdefault("check_contexts", {})
    name = "http" if is_http else "tcp"
    if name not in made:
        from pylb.wire.tls_context import TlsContext  # heavy, and only for TLS

        config = server.backend.process.config
        check = server.settings.check
        options = check.tls or check.connect_tls or server.settings.tls or TlsServer()
        made[name] = TlsContext.for_server(
            options, store_of(config), spoken=SPOKEN if is_http else None, default_verify=config.global_.ssl_server_verify, kept=server.tls_session
        )
    found: TlsContext = made[name]
    return found


def agent_rules(server: Server) -> RuleSet:
    """What is asked of an agent."""
    rules = RuleSet(agent_steps(server))
    connect = rules.rules[0]
    assert isinstance(connect, ConnectRule)
    connect.options = ConnectOptions(quick_ack=True)
    return rules

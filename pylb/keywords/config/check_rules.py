"""`http-check` and `tcp-check` rules (configuration.txt 4.2).

A step's facts, by kind. connect: default port (a number or an expression) address send_proxy via_socks4 linger ssl sni alpn
proto; send (http): method uri version headers body, texts being bytes or, from log-formats, compiled texts; send (tcp): data;
expect: match, negated, pattern (name and value of headers: name name_match value value_match), min_recv, ok_status
error_status tout_status on_success on_error status_code; set-var and unset-var: name and expression. Any: comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.base import address
from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.units import leading_integer
from pylb.config import model
from pylb.config.args import Args, BareAlert
from pylb.config.registry import PROXY, keyword
from pylb.sample.regexes import compile_regex
from pylb.sample.types import Phase
from pylb.sample.validity import Checkpoint

VARIABLES = "'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'"
SUPPORTED = {
    "http-check": f"'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect', {VARIABLES}",
    "tcp-check": f"'comment', 'connect', 'send', 'send-binary', 'expect', {VARIABLES}",
}
CONNECT_WORDS = "expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn' or 'via-socks4', 'linger', 'default' but got '{}' as argument."
SEND_WORDS = "expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '{}' as argument."
HTTP_EXPECT = (
    "'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment but got '{}' as argument."
)
TCP_EXPECT = (
    "'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]string-lf''[!]rbinary', '[!]binary-lf' or comment but got '{}' as argument."
)
HTTP_MATCHES = ("status", "rstatus", "string", "rstring", "string-lf", "hdr", "fhdr")
TCP_MATCHES = ("string", "rstring", "string-lf", "binary", "rbinary", "binary-lf")
STATUSES = {
    "ok-status": ("'L4OK', 'L6OK', 'L7OK' or 'L7OKC'", ("L4OK", "L6OK", "L7OK", "L7OKC")),
    "error-status": ("'L4CON', 'L6RSP', 'L7RSP' or 'L7STS'", ("L4CON", "L6RSP", "L7RSP", "L7STS")),
    "tout-status": ("'L4TOUT', 'L6TOUT' or 'L7TOUT'", ("L4TOUT", "L6TOUT", "L7TOUT")),
}
FIRST_STEP = (
    "first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment',"
    " when there is a 'connect' step in the tcp-check ruleset"
)
VARIABLE = re.compile(r"(set-var-fmt|set-var|unset-var)\((.*)\)")
SCOPES = ("proc", "sess", "txn", "req", "res", "check")


@keyword("http-check", sections=PROXY, face="backend", usage="<rule>")
def http_check(proxy: model.Proxy, args: Args) -> None:
    """A step of the HTTP check, or how its result counts."""
    name = args.at(1)
    if name in ("disable-on-404", "send-state"):
        _alone(args)
        proxy.http_check_options.add(name)
        if args.lacks("backend"):
            args.warn("(null)")
        return
    step = _step(args, "http-check", HTTP_STEPS)
    steps = _own(proxy, "http_check")
    _check_order(args, steps, step, "http-check")
    steps.append(step)


@keyword("tcp-check", sections=PROXY, face="backend", usage="<rule>")
def tcp_check(proxy: model.Proxy, args: Args) -> None:
    """A step of the TCP check."""
    step = _step(args, "tcp-check", TCP_STEPS)
    steps = _own(proxy, "tcp_check")
    _check_order(args, steps, step, "tcp-check")
    steps.append(step)
    if args.lacks("backend"):
        args.warn("(null)")


def _alone(args: Args) -> None:
    if args.at(2):
        raise Alert(f"'http-check' cannot handle unexpected argument '{args.at(2)}'.")


def _own(proxy: model.Proxy, slot: str) -> list[model.HttpCheckStep]:
    """The proxy's own steps: its first one hides the inherited ones."""
    mark = f"own {slot}"
    if not proxy.extra.get(mark):
        proxy.extra[mark] = True
        setattr(proxy, slot, [])
    steps: list[model.HttpCheckStep] = getattr(proxy, slot)
    return steps


def _step(args: Args, word: str, kinds: dict[str, Callable[[Args], dict[str, Any]]]) -> model.HttpCheckStep:
    """Read the step that `args` describes."""
    name = args.at(1)
    args.index, args.phase, args.checkpoints, args.usage = 2, Phase.CHECK, Checkpoint.CHECK, "check"
    variable = VARIABLE.fullmatch(name)
    try:
        if variable:
            return model.HttpCheckStep(variable[1], _variable(args, variable[1], variable[2]), args.place)
        if name not in kinds:
            raise BareAlert(f"{args.where} : '{word}' only supports {SUPPORTED[word]}. but got '{name}'")
        return model.HttpCheckStep(name, kinds[name](args), args.place)
    except (BareAlert, NotImplementedYet):
        raise
    except Alert as error:
        raise Alert(f"'{word} {name}' : {error}.")


def _check_order(args: Args, steps: list[model.HttpCheckStep], step: model.HttpCheckStep, word: str) -> None:
    """`connect` steps come first, and a send needs a connect once something was expected."""
    before = [known for known in steps if known.kind not in ("comment", "set-var", "set-var-fmt", "unset-var")]
    if step.kind == "connect" and before and before[0].kind != "connect":
        raise Alert(f"'{word} connect' : {FIRST_STEP}.")
    if word == "http-check" and step.kind in ("send", "expect") and before and before[-1].kind == "expect" and step.kind == "send":
        raise Alert(f"'{word} {step.kind}' : unable to add http-check {step.kind} rule at step {len(steps) + 1} (missing connect rule)..")


def _variable(args: Args, kind: str, name: str) -> dict[str, Any]:
    if name.partition(".")[0] not in SCOPES:
        raise Alert(
            f"'{kind}' : invalid variable name '{name}'. A variable name must be start by its scope."
            " The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'"
        )
    if kind == "unset-var":
        return {"name": name}
    if kind == "set-var-fmt":
        return {"name": name, "text": args.log_format(complaint=f"'{kind}' : missing format").call}
    if not args.peek():
        raise Alert(f"'{kind}' : missing fetch method")
    try:
        return {"name": name, "expression": args.expression().call}
    except Alert as error:
        raise Alert(f"'{kind}' : {error}")


def _comment(args: Args) -> dict[str, Any]:
    return {"comment": args.word("expects a string as argument")}


def _text(args: Args, word: str) -> str:
    return args.word(f"'{word}' expects a string as argument.")


def _connect(args: Args) -> dict[str, Any]:
    """``connect``: where to and how."""
    facts: dict[str, Any] = {}
    while word := args.next():
        if word in ("default", "send-proxy", "via-socks4", "linger", "ssl"):
            facts[word.replace("-", "_")] = True
        elif word in ("comment", "sni", "alpn"):
            facts[word] = _text(args, word)
        elif word == "port":
            facts[word] = _port(args)
        elif word == "addr":
            text = args.word("'addr' expects <ipv4|ipv6> as argument.")
            try:
                facts["address"] = args.address(address.CHECK, text)
            except Alert as error:
                raise Alert(f"'addr' : {error}\n.")
        elif word == "proto":
            facts[word] = args.word("'proto' expects a MUX protocol as argument.")
            if facts[word] not in ("h1", "h2", "fcgi", "none"):
                raise Alert(f"'proto' : unknown MUX protocol '{facts[word]}'.")
        else:
            raise Alert(CONNECT_WORDS.format(word))
    return facts


def _port(args: Args) -> Any:
    if not args.peek():
        raise Alert("'port' expects a port number or a sample expression as argument.")
    if (args.peek() or "").isdigit():
        return int(args.next())
    try:
        return args.expression().call
    except Alert as error:
        raise Alert(f"error detected while parsing port expression : {error}")


def _format(args: Args, word: str) -> Any:
    """The next word as a log-format."""
    text = args.peek() or ""
    try:
        return args.log_format(complaint=f"'{word}' expects a <pattern> as argument").call
    except Alert as error:
        raise Alert(f"'{text}' invalid log-format string ({error}).\n")


def _http_send(args: Args) -> dict[str, Any]:
    """``send``: the request line, headers and a body."""
    facts: dict[str, Any] = {"headers": []}
    while word := args.next():
        if word in ("meth", "uri", "ver", "body"):
            name = {"meth": "method", "ver": "version"}.get(word, word)
            facts[name] = _text(args, word).encode("latin-1", "replace")
        elif word in ("uri-lf", "body-lf"):
            facts[word[:-3]] = _format(args, word)
        elif word == "hdr":
            if not args.at(args.index) or not args.at(args.index + 1):
                raise Alert("'hdr' expects <name> and <value> as arguments")
            name = args.next()
            facts["headers"].append((name.encode("latin-1", "replace"), args.log_format().call))
        elif word == "comment":
            facts[word] = _text(args, word)
        else:
            raise Alert(SEND_WORDS.format(word))
    return facts


def _tcp_send(word: str, read: Callable[[Args], Any]) -> Callable[[Args], dict[str, Any]]:
    """One of the four forms of `tcp-check send`."""

    def send(args: Args) -> dict[str, Any]:
        if not args.peek():
            raise Alert(f"'{'binary string' if 'binary' in word else 'string'}' expects a {word} as argument")
        facts = {"data": read(args)}
        if further := args.next():
            if further != "comment":
                raise Alert(f"expects 'comment' but got '{further}' as argument.")
            facts["comment"] = _text(args, "comment")
        return facts

    return send


def _binary(args: Args) -> bytes:
    text = args.next()
    if complaint := bad_binary(text):
        raise Alert(f"'{text}' invalid binary string ({complaint}).\n")
    return bytes.fromhex(text)


def bad_binary(text: str) -> str | None:
    """What is wrong with hexadecimal digits."""
    if len(text) % 2:
        return "an even number of hex digit is expected"
    for character in text:
        if character not in "0123456789abcdefABCDEF":
            return f"an hex digit is expected (found '{character}')"
    return None


def _expect(matches: tuple[str, ...], words: str) -> Callable[[Args], dict[str, Any]]:
    """``expect`` of HTTP or TCP checks."""

    def expect(args: Args) -> dict[str, Any]:
        facts: dict[str, Any] = {"negated": False}
        if not args.peek():
            raise Alert("expects at least a matching pattern as arguments")
        while args.index < len(args.words):
            word = args.next()
            negated = word.startswith("!")
            word = word[1:] if negated and len(word) > 1 else args.next() if negated else word
            if word in matches:
                if "match" in facts:
                    raise Alert("only on pattern expected")
                facts.update(match=word, negated=negated)
                _pattern(args, word, facts)
            elif word == "custom" and matches is TCP_MATCHES:
                facts.update(match=word)
            else:
                _option(args, word, facts, words)
        if "match" not in facts:
            raise Alert("expects at least a matching pattern as arguments")
        return facts

    return expect


def _option(args: Args, word: str, facts: dict[str, Any], words: str) -> None:
    """What may stand beside the pattern."""
    if word == "min-recv":
        facts["min_recv"] = leading_integer(args.word("'min-recv' expects a integer as argument"))
    elif word == "comment":
        facts[word] = _text(args, word)
    elif word in ("on-success", "on-error"):
        facts[word.replace("-", "_")] = args.log_format(complaint=f"'{word}' expects a string as argument.").call
    elif word in STATUSES:
        shown, known = STATUSES[word]
        status = args.word(f"'{word}' expects a string as argument.")
        if status not in known:
            raise Alert(f"'{word}' only supports {shown} status (got '{status}').")
        facts[word.replace("-", "_")] = status
    elif word == "status-code":
        if not args.peek():
            raise Alert(f"'{word}' expects an expression as argument")
        facts["status_code"] = args.expression().call
    else:
        raise Alert(words.format(word))


def _pattern(args: Args, word: str, facts: dict[str, Any]) -> None:
    """The pattern of an `expect`."""
    if word in ("hdr", "fhdr"):
        _header_pattern(args, word, facts)
        return
    text = args.word(f"'{word}' expects a <pattern> as argument") if not word.endswith("-lf") else args.peek() or ""
    if word == "status":
        facts["pattern"] = status_ranges(text)
    elif word in ("rstatus", "rstring", "rbinary"):
        facts["pattern"] = compile_regex(text)
    elif word == "binary":
        if complaint := bad_binary(text):
            raise Alert(f"invalid binary string ({complaint})")
        facts["pattern"] = bytes.fromhex(text)
    elif word.endswith("-lf"):
        facts["pattern"] = _format(args, word)
    else:
        facts["pattern"] = text.encode("latin-1", "replace")


def status_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """``200,301-302``."""
    found = []
    for character in text:
        if character not in "0123456789-,":
            raise Alert(f"invalid character '{character}' in the list of status codes")
    for part in text.split(","):
        low, _, high = part.partition("-")
        pair = int(low or 0), int(high or low or 0)
        if pair[0] > pair[1]:
            raise Alert(f"invalid range of status codes '{part}'")
        found.append(pair)
    return tuple(found)


def _header_pattern(args: Args, word: str, facts: dict[str, Any]) -> None:
    """``hdr name [-m <match>] <name> [value [-m <match>] <value>]``"""
    if args.maybe("name", "name-lf") is None:
        raise Alert(f"'{word}' expects at the name keyword as first argument followed by a pattern")
    _header_part(args, word, facts, "name", args.at(args.index - 1))
    value = args.maybe("value", "value-lf")
    if value is not None:
        _header_part(args, word, facts, "value", value)


def _header_part(args: Args, word: str, facts: dict[str, Any], slot: str, how: str) -> None:
    method = "str"
    if args.maybe("-m"):
        method = args.word(f"'{word}' : '-m' expects at matching pattern ('str', 'beg', 'end', 'sub' or 'reg')")
        if method not in ("str", "beg", "end", "sub", "reg"):
            raise Alert(f"'{word}' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '{method}')")
    if not args.peek():
        raise Alert(f"'{word}' expects a {slot} pattern as argument")
    facts[f"{slot}_match"] = method
    if how.endswith("-lf"):
        facts[slot] = _format(args, word)
    else:
        text = args.next()
        facts[slot] = compile_regex(text) if method == "reg" else text.encode("latin-1", "replace")


HTTP_STEPS: dict[str, Callable[[Args], dict[str, Any]]] = {
    "comment": _comment,
    "connect": _connect,
    "send": _http_send,
    "expect": _expect(HTTP_MATCHES, HTTP_EXPECT),
}
TCP_STEPS: dict[str, Callable[[Args], dict[str, Any]]] = {
    "comment": _comment,
    "connect": _connect,
    "send": _tcp_send("send", lambda args: args.next().encode("latin-1", "replace")),
    "send-lf": _tcp_send("send-lf", lambda args: _format(args, "send-lf")),
    "send-binary": _tcp_send("send-binary", _binary),
    "send-binary-lf": _tcp_send("send-binary-lf", lambda args: _format(args, "send-binary-lf")),
    "expect": _expect(TCP_MATCHES, TCP_EXPECT),
}

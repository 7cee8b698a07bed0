"""Rule sets: `http-request`, `tcp-request`, `redirect` and their relatives read one rule each (configuration.txt 4.2, 4.3, 4.4).

What a rule does is an action, looked up in `stream.registry`; here its words are separated from the condition behind them, and
the words that HAProxy's messages use for each rule set are kept. `ACTIONS` lists every action of HAProxy in the order of its
messages, so that those list what HAProxy lists and an action that pylb lacks is told from one that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pylb.base import units
from pylb.base.errors import Alert, NotImplementedYet
from pylb.base.registry import Entry
from pylb.config import model
from pylb.config.args import Args, BareAlert, source_of
from pylb.config.lines import Abort
from pylb.config.registry import FACES, PROXY, keyword
from pylb.config.spelling import suggest
from pylb.sample.types import Phase, Test
from pylb.sample.validity import Checkpoint, available
from pylb.stream.registry import action

GPC = "sc-inc-gpc* sc-inc-gpc0* sc-inc-gpc1* sc-set-gpt* sc-set-gpt0*"
VARIABLES = "set-var-fmt* set-var* unset-var*"
ACTIONS: dict[str, tuple[str, ...]] = {
    "http-request": tuple(
        f"wait-for-handshake ot-group set-log-level set-nice use-service {GPC} send-spoe-group do-resolve* cache-use add-acl* add-header"
        " allow auth capture del-acl* del-header del-map* deny disable-l7-retry early-hint normalize-uri redirect reject replace-header"
        " replace-path replace-pathq replace-uri replace-value return set-header set-map* set-method set-path set-pathq set-query set-uri"
        f" strict-mode tarpit track-sc* set-timeout wait-for-body {VARIABLES} set-dst set-dst-port set-mark set-src set-src-port set-tos"
        " silent-drop set-priority-class set-priority-offset".split()
    ),
    "http-response": tuple(
        f"ot-group set-log-level set-nice {GPC} send-spoe-group cache-store add-acl* add-header allow capture del-acl* del-header del-map*"
        " deny redirect replace-header replace-value return set-header set-map* set-status strict-mode track-sc* wait-for-body"
        f" {VARIABLES} set-mark set-tos silent-drop".split()
    ),
    "http-after-response": tuple(
        "ot-group add-header allow capture del-header replace-header replace-value set-header set-status strict-mode"
        f" {VARIABLES}".split()
    ),
    "tcp-request connection": tuple(f"{GPC} {VARIABLES} set-dst set-dst-port set-mark set-src set-src-port set-tos silent-drop".split()),
    "tcp-request session": tuple(f"{GPC} {VARIABLES} set-dst set-dst-port set-mark set-src set-src-port set-tos silent-drop".split()),
    "tcp-request content": tuple(
        f"ot-group set-log-level set-nice switch-mode use-service {GPC} send-spoe-group do-resolve* {VARIABLES} set-src set-src-port"
        " set-dst set-dst-port set-mark set-tos silent-drop set-priority-class set-priority-offset".split()
    ),
    "tcp-response content": tuple(f"ot-group set-log-level set-nice {GPC} send-spoe-group {VARIABLES} set-mark set-tos silent-drop".split()),
}
TCP_BUILT_IN = {
    "tcp-request connection": ("accept", "reject", "capture", "expect-proxy", "expect-netscaler-cip", "track-sc0", "track-sc1", "track-sc2"),
    "tcp-request session": ("accept", "reject", "capture", "expect-proxy", "expect-netscaler-cip", "track-sc0", "track-sc1", "track-sc2"),
    "tcp-request content": ("accept", "reject", "capture", "expect-proxy", "expect-netscaler-cip", "track-sc0", "track-sc1", "track-sc2"),
    "tcp-response content": ("accept", "close", "reject"),
}
TCP_REQUEST_LIST = "'accept', 'reject', 'capture', 'expect-proxy', 'expect-netscaler-cip', 'track-sc0' ... 'track-sc2'"
TCP_RESPONSE_LIST = "'accept', 'close', 'reject'"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule set stands: its phase, the checkpoints of both faces, and how messages speak of it."""

    phase: Phase
    frontend: Checkpoint
    backend: Checkpoint
    usage: str
    rule: str = ""


NOWHERE = Checkpoint(0)
PLACES = {
    "tcp-request connection": Place(Phase.SESSION, Checkpoint.FRONTEND_CONNECTION, NOWHERE, "tcp-request connection", "tcp-request connection"),
    "tcp-request session": Place(Phase.SESSION, Checkpoint.FRONTEND_SESSION, NOWHERE, "tcp-request session", "tcp-request session"),
    "tcp-request content": Place(
        Phase.CONTENT, Checkpoint.FRONTEND_REQUEST_CONTENT, Checkpoint.BACKEND_REQUEST_CONTENT, "tcp-request content", "tcp-request content"
    ),
    "tcp-response content": Place(Phase.RESPONSE, NOWHERE, Checkpoint.BACKEND_RESPONSE_CONTENT, "tcp-response content", "tcp-response content"),
    "http-request": Place(
        Phase.REQUEST, Checkpoint.FRONTEND_REQUEST_HEADERS, Checkpoint.BACKEND_REQUEST_HEADERS, "http-request expression"
    ),
    "http-response": Place(
        Phase.RESPONSE, Checkpoint.FRONTEND_RESPONSE_HEADERS, Checkpoint.BACKEND_RESPONSE_HEADERS, "http-response expression"
    ),
    "use_backend": Place(Phase.REQUEST, Checkpoint.FRONTEND_SWITCHING, NOWHERE, "use_backend expression"),
    "use-server": Place(Phase.SERVER, NOWHERE, Checkpoint.BACKEND_SERVER_CHOICE, "use-server expression"),
    "http-after-response": Place(
        Phase.RESPONSE, Checkpoint.FRONTEND_RESPONSE_HEADERS, Checkpoint.BACKEND_RESPONSE_HEADERS, "http-after-response expression"
    ),
}


def enter(args: Args, ruleset: str) -> None:
    """Tell `args` which rule set it stands in."""
    place = PLACES[ruleset]
    args.ruleset, args.phase, args.usage, args.rule = ruleset, place.phase, place.usage, place.rule
    assert args.proxy is not None
    front = place.frontend if args.proxy.is_frontend or args.proxy.kind == "defaults" else NOWHERE
    back = place.backend if args.proxy.is_backend or args.proxy.kind == "defaults" else NOWHERE
    args.checkpoints = front | back


def shown(names: tuple[str, ...]) -> str:
    """Actions as HAProxy's messages list them."""
    return ", ".join(f"'{name[:-1]}(*)'" if name.endswith("*") else f"'{name}'" for name in names)


def find_action(ruleset: str, word: str) -> Entry[Callable[..., model.Run]] | None:
    """The action called `word` in this rule set; None when HAProxy knows none. Raises NotImplementedYet when only pylb does not."""
    for name in _candidates(word):
        entry = action.get(name)
        if entry is not None and ruleset in entry.facts.get("rulesets", ()) and (name == word or entry.facts.get("prefix")):
            return entry
    known = (*ACTIONS.get(ruleset, ()), *TCP_BUILT_IN.get(ruleset, ()))
    if word in known or any(name.endswith("*") and word.startswith(name[:-1]) for name in known):
        raise NotImplementedYet(f"{ruleset} {word}")
    return None


def _candidates(word: str) -> list[str]:
    """`word` itself, and what stands before its parenthesis or number: ``set-var(txn.x)`` and ``track-sc0``."""
    stem = word.partition("(")[0]
    return [word, stem, stem.rstrip("0123456789"), "track-sc" if word.startswith("track-sc") else word]


def earlier(proxy: model.Proxy, args: Args, kind: str, word: str) -> None:
    """Warn about rules that look as if they came later than they do."""
    for later, rules in (
        ("tcp-request session", proxy.tcp_request_session),
        ("tcp-request content", proxy.tcp_request_content),
        ("monitor fail", proxy.monitor_fail),
        ("http-request", proxy.http_request),
        ("redirect", proxy.redirects),
        ("use_backend", proxy.switch_rules),
        ("use-server", proxy.server_rules),
    ):
        if rules and later in LATER[kind]:
            article = "an" if later == "http-request" else "a"
            args.warn(f"a '{word}' rule placed after {article} '{later}' rule will still be processed before.")
            return


ORDER = ("tcp-request connection", "tcp-request session", "tcp-request content", "monitor fail", "http-request", "redirect", "use_backend", "use-server")
LATER = {kind: ORDER[position + 1 :] for position, kind in enumerate(ORDER)}


FINAL = ("allow", "deny", "auth", "redirect", "tarpit", "return")


def no_operation(rules: list[model.Rule], args: Args, ruleset: str, how: str = "is final and ") -> None:
    """Warn about rules behind one that always ends the evaluation."""
    if rules and rules[-1].test is None and rules[-1].action in FINAL:
        args.report.warning(f"{args.where}: previous '{ruleset}' action {how}has no condition attached, further entries are NOOP.")


def http_rule(proxy: model.Proxy, args: Args, ruleset: str, at: int = 1) -> model.Rule:
    """One rule of an HTTP rule set; `at` is where the action stands. Its mistakes end the reading, as HAProxy's do."""
    try:
        return _http_rule(proxy, args, ruleset, at)
    except NotImplementedYet:
        raise
    except Alert as error:
        args.fail(error)
        raise Abort("") from None


def _http_rule(proxy: model.Proxy, args: Args, ruleset: str, at: int) -> model.Rule:
    enter(args, ruleset)
    word = args.at(at)
    entry = find_action(ruleset, word) if word else None
    if entry is None:
        got = f"'{word}'" + ("" if word else " (missing argument)")
        raise BareAlert(f"{args.where}: '{ruleset}' expects {shown(ACTIONS[ruleset])}, but got {got}.{_hint(word, ACTIONS[ruleset])}")
    args.index = at + 1
    try:
        run = entry.function(args)
    except (BareAlert, NotImplementedYet):
        raise
    except Alert as error:
        raise Alert(f"error detected in {proxy.label} while parsing '{ruleset} {word}' rule : {error}.")
    test: Test | None = None
    if args.at_condition():
        test = _condition(args, f"error detected while parsing an '{ruleset} {word}' condition : {{}}.")
    elif args.peek():
        raise BareAlert(
            f"{args.where}: '{ruleset} {word}' expects either 'if' or 'unless' followed by a condition but found '{args.peek()}'."
        )
    return model.Rule(entry.name, run, test, args.place, text=" ".join(args.words[at:]), ends=entry.facts.get("ends", False))


def _hint(word: str, known: tuple[str, ...]) -> str:
    """The suggestion as a sentence of its own."""
    best = suggest(word, (name.rstrip("*") for name in known)) if word else None
    return f" Did you mean '{best}' maybe ?" if best else ""


def _condition(args: Args, complaint: str) -> Test | None:
    try:
        return args.condition()
    except (BareAlert, NotImplementedYet):
        raise
    except Alert as error:
        raise Alert(complaint.format(error))


def _http_ruleset(name: str, slot: str) -> None:
    """Register one of the HTTP rule sets."""

    def rule(proxy: model.Proxy, args: Args) -> None:
        """One rule of this set."""
        if proxy.kind == "defaults" and not proxy.name:
            raise Alert(f"'{name}' not allowed in anonymous 'defaults' section.")
        no_operation(getattr(proxy, slot), args, name)
        new = http_rule(proxy, args, name)
        if name == "http-request":
            earlier(proxy, args, name, name)
        getattr(proxy, slot).append(new)

    keyword(name, sections=PROXY, usage="<action> [<arguments>] [{ if | unless } <condition>]")(rule)


_http_ruleset("http-request", "http_request")
_http_ruleset("http-response", "http_response")
_http_ruleset("http-after-response", "http_after_response")


@keyword("redirect", sections=FACES, usage="{ prefix | location | scheme } <to> [code <code>] [<option>] [{ if | unless } <condition>]")
def redirect(proxy: model.Proxy, args: Args) -> None:
    """Answer with a redirection, after the http-request rules."""
    enter(args, "http-request")
    entry = action.get("redirect")
    if entry is None:
        raise NotImplementedYet("redirect")
    args.index = 1
    where = f"error detected in {proxy.label} while parsing redirect rule : {{}}."
    try:
        run = entry.function(args)
    except (BareAlert, NotImplementedYet):
        raise
    except Alert as error:
        raise Alert(where.format(error))
    test = _condition(args, where.format("error in condition: {}"))
    if args.peek():
        raise Alert(where.format(f"unexpected word '{args.peek()}'"))
    earlier(proxy, args, "redirect", "redirect")
    proxy.redirects.append(model.Rule("redirect", run, test, args.place, text=" ".join(args.words[1:])))


@keyword("tcp-request", sections=PROXY, usage="{ connection | session | content | inspect-delay } ...")
def tcp_request(proxy: model.Proxy, args: Args) -> None:
    """Rules about connections and about the first bytes of requests."""
    kind = args.at(1)
    if not kind:
        raise Alert(f"missing argument for 'tcp-request' in {proxy.label}")
    if kind not in ("inspect-delay", "connection", "session", "content"):
        raise Alert(f"'tcp-request' expects 'inspect-delay', 'connection', or 'content' in {proxy.label} (got '{kind}')")
    if proxy.kind == "defaults" and not proxy.name:
        raise Alert(f"tcp-request {kind} is not allowed in anonymous 'defaults' sections")
    if kind == "inspect-delay":
        proxy.inspect_delay = _inspect_delay(proxy, args, "tcp-request")
        return
    if kind in ("connection", "session") and args.lacks("frontend"):
        raise Alert(f"tcp-request {kind} is not allowed because {unquoted(proxy)} is not a frontend")
    rule = tcp_rule(proxy, args, f"tcp-request {kind}")
    earlier(proxy, args, f"tcp-request {kind}", "tcp-request")
    getattr(proxy, f"tcp_request_{kind}").append(rule)


def unquoted(proxy: model.Proxy) -> str:
    """``backend www``."""
    return f"{'proxy' if proxy.kind == 'listen' else proxy.kind} {proxy.name}"


@keyword("tcp-response", sections=PROXY, usage="{ content | inspect-delay } ...")
def tcp_response(proxy: model.Proxy, args: Args) -> None:
    """Rules about the first bytes of responses."""
    kind = args.at(1)
    if not kind:
        raise Alert(f"missing argument for 'tcp-response' in {proxy.label}")
    if kind not in ("inspect-delay", "content"):
        raise Alert(f"'tcp-response' expects 'inspect-delay' or 'content' in {proxy.label} (got '{kind}')")
    if args.lacks("backend") or (proxy.kind == "defaults" and not proxy.name):
        raise Alert(f"tcp-response {kind} is only allowed in 'backend' sections or 'defaults' section with a name")
    if kind == "inspect-delay":
        proxy.tcp_response_inspect_delay = _inspect_delay(proxy, args, "tcp-response")
        return
    proxy.tcp_response_content.append(tcp_rule(proxy, args, "tcp-response content"))


def _inspect_delay(proxy: model.Proxy, args: Args, word: str) -> int:
    complaint = f"'{word} inspect-delay' expects a positive delay in milliseconds, in {proxy.label}"
    text = args.at(2)
    if not text:
        raise Alert(complaint)
    try:
        return units.parse_duration(text)
    except units.TimerOverflow:
        raise Alert(f"{complaint} (timer overflow in '{text}', maximum value is 2147483647 ms or ~24.8 days)")
    except units.BadNumber as error:
        raise Alert(f"{complaint} (unexpected character '{error.character}')")


def tcp_rule(proxy: model.Proxy, args: Args, ruleset: str) -> model.Rule:
    """One rule of a TCP rule set."""
    enter(args, ruleset)
    word = args.at(2)
    entry = find_action(ruleset, word) if word else None
    if entry is None:
        built_in, newline = (TCP_RESPONSE_LIST, "") if ruleset.startswith("tcp-response") else (TCP_REQUEST_LIST, "\n")
        hint = _hint(word, (*TCP_BUILT_IN[ruleset], *ACTIONS[ruleset]))
        raise Alert(f"'{ruleset}' expects {built_in}, {shown(ACTIONS[ruleset])} in {proxy.label} (got '{word}').{hint}{newline}")
    args.index = 3
    try:
        run = entry.function(args)
    except (BareAlert, NotImplementedYet):
        raise
    except Alert as error:
        raise Alert(f"'{ruleset} {word}' : {error}" if word in TCP_BUILT_IN[ruleset] or entry.name == "track-sc" else str(error))
    test: Test | None = None
    if args.at_condition():
        test = _condition(args, f"'{ruleset} {word}' : error detected in {proxy.label} while parsing '{args.peek()}' condition : {{}}")
    elif args.peek():
        raise Alert(f"'{ruleset} {word}' only accepts 'if' or 'unless', in {proxy.label} (got '{args.peek()}')")
    return model.Rule(entry.name, run, test, args.place, needs_content=_needs_content(args), text=" ".join(args.words[2:]))


def _needs_content(args: Args) -> bool:
    """Does a `capture` rule look at what may not have arrived yet?"""
    source = source_of(args.at(3))
    return args.at(2) == "capture" and bool(source) and not available(source, Checkpoint.FRONTEND_SESSION)


@keyword("monitor", sections=FACES, face="frontend", usage="fail { if | unless } <condition>")
def monitor(proxy: model.Proxy, args: Args) -> None:
    """When the monitor URI reports a failure."""
    if args.at(1) != "fail":
        raise Alert("'monitor' only supports 'fail'.")
    args.index = 2
    if not args.at_condition():
        raise Alert("'monitor fail' requires either 'if' or 'unless' followed by a condition.")
    enter(args, "http-request")
    earlier(proxy, args, "monitor fail", "monitor fail")
    test = _condition(args, f"error detected while parsing a '{args.at(0)} {args.at(1)}' condition : {{}}.")
    assert test is not None
    proxy.monitor_fail.append(test)


def _persist(name: str) -> None:
    """Register `force-persist` or `ignore-persist`."""

    def rule(proxy: model.Proxy, args: Args) -> None:
        """When persistence is obeyed or ignored in spite of a server's state."""
        args.index = 1
        if not args.at_condition():
            raise Alert(f"'{name}' requires either 'if' or 'unless' followed by a condition.")
        enter(args, "http-request")
        test = _condition(args, f"error detected while parsing a '{name}' rule : {{}}.")
        proxy.persist_rules.append(model.Rule(name, lambda stream: None, test, args.place, text=" ".join(args.words)))

    keyword(name, sections=FACES, face="backend", usage="{ if | unless } <condition>")(rule)


_persist("force-persist")
_persist("ignore-persist")

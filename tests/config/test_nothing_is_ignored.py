"""No word may be accepted and then forgotten: whatever the words of the language set is read by somebody, or stands in a table with the reason why not.

A field of the model counts as read when a module outside the words of the configuration (and outside the model itself) takes an attribute of its name;
an option, or a key of `Proxy.extra`, when such a module has its name as a string.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from functools import cache
from pathlib import Path

import pytest

import pylb
from pylb import keywords
from pylb.config import model
from pylb.keywords.config import no_effect, options

keywords.load()
ROOT = Path(pylb.__file__).parent
WORDS = ROOT / "keywords" / "config"
ONLY_CHECKS = {"config/model.py", "config/checks.py", "config/sections.py"}  # what these read they only warn about or inherit

# Fields that nobody outside the words reads, and why that ignores nothing.
UNREAD_FIELDS = {
    "StatsSocket.expose_fd": "a property of `Bind`, kept in both",
    "Bind.expose_fd": "without the hand-over of sockets between processes there is nobody to expose them to",
    "Global.user": "its number is what counts: `uid`",
    "Bind.user": "its number is what counts: `uid`",
    "Bind.process": "one process accepts everything",
    "Bind.thread": "one thread accepts everything",
    "Bind.nice": "the event loop serves connections in the order of their events",
    "Bind.proto": "only what HTTP/1 speaks is accepted",
    "Server.proto": "only what HTTP/1 speaks is accepted",
    "Check.proto": "only what HTTP/1 speaks is accepted",
    "Rule.needs_content": "decides a warning about a missing delay",
    "Global.external_check": "decides whether external checks are refused",
    "Global.insecure_fork": "decides a warning; processes may always be made",
    "Global.no_exit_on_failure": "HAProxy leaves with its last worker all the same",
    "Global.mworker_max_reloads": "reloading is told not to be implemented",
    "Global.localpeer": "there are no peers yet; HAPROXY_LOCALPEER is set while the word is read",
    "Global.insecure_setuid": "privileges of child processes are never restricted",
    "Global.max_idletimer": "TLS records have one size whether the connection was idle or not",
    "Global.tune": "the numbers as written; those that do something are in fields of their own",
    "Global.ca_base": "file names are completed while words are read",
    "Global.unix_bind_prefix": "applied to each unix socket while its `bind` line is read",
    "Global.unix_bind_mode": "applied to each unix socket while its `bind` line is read",
    "Global.unix_bind_uid": "applied to each unix socket while its `bind` line is read",
    "Global.unix_bind_gid": "applied to each unix socket while its `bind` line is read",
    "Global.bind_tls": "inherited by each `bind` line when it is read",
    "Global.server_tls": "inherited by each `server` line when it is read",
    "Server.sni_source": "the text of `sni`, of which the expression is what counts",
    "Server.pool_low_conn": "keeps threads from stealing connections from each other; there is one pool",
    "Server.max_reuse": "HAProxy heeds it on HTTP/2 connections only",
    "Server.ws": "there is no HTTP/2 to servers yet whose WebSockets would go another way",
    "Server.template": "servers of a template differ from others in nothing but how they were written",
    "Proxy.no_options": "`no option` has removed the option already; the note is for `defaults` that are inherited later",
    "Proxy.default_server": "copied into each `server` line",
}
UNREAD_OPTIONS = {
    **options.NO_EFFECT,
    "tcpka": "sets `clitcpka` and `srvtcpka`",
    "forwardfor": "is a field of its own",
    "originalto": "is a field of its own",
    "external-check": "is a kind of health check",
}
UNREAD_KEYS = {
    "stick-table place": "for messages about the configuration",
}


@cache
def readers() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Who takes which attributes, and who has which strings, outside the words of the configuration."""
    attributes: dict[str, set[str]] = {}
    strings: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        if path.is_relative_to(WORDS):
            continue
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                attributes.setdefault(node.attr, set()).add(name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.setdefault(node.value, set()).add(name)
    return attributes, strings


def fields() -> list[tuple[str, str]]:
    """Every field of the model, with its class."""
    classes = [one for one in vars(model).values() if dataclasses.is_dataclass(one) and one.__module__ == model.__name__]
    return [(one.__name__, field.name) for one in classes for field in dataclasses.fields(one)]


def extra_keys() -> set[str]:
    """Keys that words put into `Proxy.extra`."""
    pattern = re.compile(r'extra(?:\(\))?(?:\.setdefault\(|\[)"([^"]+)"')
    return {key for path in WORDS.rglob("*.py") for key in pattern.findall(path.read_text())}


@pytest.mark.parametrize(("owner", "name"), fields())
def test_field_is_read(owner: str, name: str) -> None:
    who = readers()[0].get(name, set()) - ONLY_CHECKS
    if f"{owner}.{name}" not in UNREAD_FIELDS:
        assert who, f"{owner}.{name} is set, and nobody reads it"


@pytest.mark.parametrize("name", [*options.PLAIN, *(entry.name for entry in options.option)])
def test_option_is_read(name: str) -> None:
    if name not in UNREAD_OPTIONS:
        assert readers()[1].get(name, set()) - ONLY_CHECKS, f"option {name} is accepted, and nobody asks for it"


@pytest.mark.parametrize("name", sorted(options.NO_EFFECT))
def test_option_without_effect_is_known(name: str) -> None:
    assert name in options.PLAIN and options.NO_EFFECT[name]


@pytest.mark.parametrize("key", sorted(extra_keys()))
def test_key_is_read(key: str) -> None:
    if key not in UNREAD_KEYS:
        assert readers()[1].get(key, set()) - {"config/model.py"}, f"extra[{key!r}] is set, and nobody reads it"


@pytest.mark.parametrize("name", sorted(UNREAD_FIELDS))
def test_exception_is_needed(name: str) -> None:
    owner, _, field = name.partition(".")
    assert (owner, field) in fields(), f"{name} is no field any more"


@pytest.mark.parametrize("name", sorted(no_effect.NO_EFFECT))
def test_word_without_effect_has_a_reason(name: str) -> None:
    word = no_effect.NO_EFFECT[name]
    assert word.reason or word.check is no_effect.not_supported


@pytest.mark.parametrize("field", sorted(UNREAD_FIELDS.keys() - {"Bind.process"}))  # much else has a process
def test_field_needs_its_excuse(field: str) -> None:
    owner, name = field.split(".")
    assert (owner, name) in fields()
    assert not readers()[0].get(name, set()) - ONLY_CHECKS


@pytest.mark.parametrize("key", UNREAD_KEYS)
def test_key_needs_its_excuse(key: str) -> None:
    assert key in extra_keys()
    assert not readers()[1].get(key, set()) - {"config/model.py"}

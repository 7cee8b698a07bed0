"""Suggestions: what HAProxy proposed for misspelt options and keywords."""

from __future__ import annotations

import pytest

from pylb.config.spelling import did_you_mean, difference, fingerprint, suggest

OPTIONS = ("splice-auto", "httpclose", "httplog", "httpchk", "http-use-proxy-header", "tcplog", "tcpka", "dontlognull", "pgsql-check", "checkcache")


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("http-use-htx", "httpclose"),
        ("http-proxy", "http-use-proxy-header"),
        ("tcpsplice", "splice-auto"),
        ("tcpchk", "httpchk"),
        ("dontlognul", "dontlognull"),
        ("cqlchek", "pgsql-check"),
        ("foo", None),
    ],
)
def test_suggestions(word: str, wanted: str | None) -> None:
    assert suggest(word, OPTIONS) == wanted


def test_the_tail_of_the_alert() -> None:
    assert did_you_mean("httplogg", OPTIONS) == "; did you mean 'httplog' maybe ?"
    assert did_you_mean("zzzzzzz", OPTIONS) == ""


def test_case_does_not_count() -> None:
    assert difference(fingerprint("HttpLog"), fingerprint("httplog")) == 0

"""Stick tables without traffic: keys, rates, expiry and eviction, values of data."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from types import SimpleNamespace

import pytest

from pylb.proxy.table import Entry, Rate, Stored, Table, TableSettings, make_tables
from pylb.sample.types import Binary, Value
from pylb.stream import tracking


def table(kind: str = "string", length: int = 5, size: int = 3, expire: int = 0, nopurge: bool = False, *data: Stored) -> Table:
    settings = TableSettings("t", kind, length, size, expire, nopurge)
    for one in data or (Stored("conn_cnt"), Stored("conn_cur"), Stored("conn_rate", period=10_000)):
        settings.data[one.name] = one
    return Table(settings)


def keys(one: Table) -> list[bytes]:
    return list(one.entries)


@pytest.mark.parametrize(
    ("kind", "value", "key"),
    [
        ("ip", IPv4Address("1.2.3.4"), b"\1\2\3\4"),
        ("ip", IPv6Address("::ffff:1.2.3.4"), b"\1\2\3\4"),
        ("ip", IPv6Address("2001:db8::1"), None),
        ("ip", b"1.2.3.4", b"\1\2\3\4"),
        ("ip", b"nothing", None),
        ("ipv6", IPv4Address("1.2.3.4"), bytes(10) + b"\xff\xff\1\2\3\4"),
        ("integer", 5, b"\5\0\0\0"),
        ("integer", -1, b"\xff\xff\xff\xff"),
        ("integer", b"12x", b"\x0c\0\0\0"),
        ("string", b"abcdefg", b"abcde"),
        ("string", Binary(b"ab\0cd"), b"ab"),
        ("binary", Binary(b"ab"), b"ab\0\0\0"),
        ("binary", b"abcdefg", b"abcde"),
        ("string", None, None),
    ],
)
def test_samples_become_keys(kind: str, value: Value | None, key: bytes | None) -> None:
    assert table(kind).key_of(value) == key


def test_keys_are_shown_as_they_were_given() -> None:
    assert table("integer").key_text(Entry(b"\0\1\0\0", {}, 1)) == "256"
    assert table("ip").key_text(Entry(b"\1\2\3\4", {}, 1)) == "1.2.3.4"
    assert table("ipv6").key_text(Entry(bytes(15) + b"\1", {}, 1)) == "::1"
    assert table("binary").key_text(Entry(b"a\xff", {}, 1)) == "61FF"
    assert table().key_text(Entry(b"a b=c\\\n\xe9", {}, 1)) == "a\\ b\\=c\\\\\\n\\xE9"


def test_the_oldest_give_way_but_not_those_in_use() -> None:
    one = table()
    first = one.get(b"a", 0.0)
    assert first is not None
    first.uses = 1
    for key in (b"b", b"c", b"d"):
        assert one.get(key, 0.0) is not None
    assert keys(one) == [b"a", b"c", b"d"]
    one.touch(one.entries[b"c"], 0.0)
    one.get(b"e", 0.0)
    assert keys(one) == [b"a", b"c", b"e"]


def test_a_table_of_nopurge_takes_no_more_than_it_holds() -> None:
    one = table(size=1, nopurge=True)
    assert one.get(b"a", 0.0) is not None
    assert one.get(b"b", 0.0) is None
    assert one.get(b"a", 0.0) is not None


def test_entries_expire_unless_touched_or_in_use() -> None:
    one = table(expire=1000)
    for key in (b"a", b"b", b"c"):
        one.get(key, 0.0)
    one.entries[b"c"].uses = 1
    one.touch(one.entries[b"a"], 0.9)
    one.purge(1.0)
    assert keys(one) == [b"c", b"a"]
    assert one.lookup(b"a", 1.8) is not None
    assert one.lookup(b"a", 1.91) is None


def test_a_rate_fades_over_its_period() -> None:
    rate = Rate(10_000)
    for _ in range(10):
        rate.add(100.0, 1)
    assert rate.value(105.0) == 10
    assert rate.value(115.0) == 5
    rate.add(115.0, 2)
    assert rate.value(115.0) == 7
    assert rate.value(200.0) == 0


def test_arrays_stand_in_for_their_first_elements() -> None:
    one = table("string", 5, 3, 0, False, Stored("gpc", size=1), Stored("gpt", size=3))
    entry = one.get(b"a", 0.0)
    assert entry is not None
    assert one.place("gpc0") == ("gpc", 0)
    assert one.place("gpc1") is None
    assert one.element("gpt", 2) == ("gpt", 2)
    assert one.element("gpt", 3) is None
    one.write(entry, ("gpt", 2), -1, 0.0)
    assert one.read(entry, ("gpt", 2), 0.0) == 0xFFFFFFFF


def test_a_holder_tracks_once_and_lets_go() -> None:
    one = table("string", 5, 3, 1000)
    session = SimpleNamespace(tracked=None)
    session.session = session
    stream = SimpleNamespace(tracked=None, session=session)
    assert tracking.track(session, 0, one, b"a", 0.0)
    assert not tracking.track(session, 0, one, b"b", 0.0)
    assert tracking.track(stream, 1, one, b"a", 0.0)
    entry = one.entries[b"a"]
    assert (entry.uses, entry.data["conn_cnt"], entry.data["conn_cur"]) == (2, 2, 2)
    found = tracking.held(stream, 0)
    assert found is not None
    assert found[1] is entry
    assert tracking.held(stream, 2) is None
    tracking.release(stream, 0.5)
    tracking.release(session, 0.6)
    assert (entry.uses, entry.data["conn_cnt"], entry.data["conn_cur"], entry.expires) == (0, 2, 0, 1.6)


def test_without_tables_there_is_nothing_to_ask() -> None:
    proxies = [SimpleNamespace(name="a", stick_table=None, disabled=False)]
    assert make_tables(SimpleNamespace(proxies=proxies)) is None

"""Ordered: sorted by key, first-in first among equals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pylb.base.order import Ordered


def test_first_in_first_among_equals() -> None:
    order: Ordered[str] = Ordered()
    entries = {name: order.add(key, name) for name, key in [("a", 2), ("b", 1), ("c", 2), ("d", 1)]}
    assert list(order) == ["b", "d", "a", "c"]
    order.remove(entries["b"])
    order.add(1, "b")
    assert list(order) == ["d", "b", "a", "c"]
    assert entries["a"] in order
    assert entries["b"] not in order
    assert order.pop() == "d"
    assert order.first() == "b"


def test_nothing_in_it() -> None:
    order: Ordered[int] = Ordered()
    assert order.first() is None
    assert len(order) == 0


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), max_size=60))
def test_against_a_stable_sort(steps: list[tuple[int, bool]]) -> None:
    order: Ordered[int] = Ordered()
    model: list[tuple[int, int]] = []
    entries = {}
    for number, (key, removes) in enumerate(steps):
        if removes and model:
            victim = model.pop(number % len(model))
            order.remove(entries[victim[1]])
        entries[number] = order.add(key, number)
        model.append((key, number))
        model.sort(key=lambda item: item[0])
    assert list(order) == [number for _, number in model]

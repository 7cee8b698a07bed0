"""Rates and sliding averages against numbers worked out by hand."""

from __future__ import annotations

from pylb.base.freq import Average, FreqCtr


def test_a_rate_counts_the_current_second_and_fades_out_over_the_next() -> None:
    rate = FreqCtr()
    for index in range(10):
        rate.tick(100.0 + index * 0.05)
    assert rate.value(100.5) == 10
    assert rate.value(101.5) == 5  # half of the window still covers them
    assert rate.value(102.5) == 0


def test_a_lone_event_stays_visible_for_the_whole_next_second() -> None:
    rate = FreqCtr()
    rate.tick(10.0)
    assert [rate.value(10.9), rate.value(11.1), rate.value(11.9), rate.value(12.1)] == [1, 1, 1, 0]


def test_the_highest_value_is_the_greatest_count_of_one_period() -> None:
    rate = FreqCtr()
    for moment in (1.0, 1.1, 1.2, 2.5, 9.0):
        rate.tick(moment)
    assert rate.highest == 3
    assert rate.current == 1


def test_periods_follow_each_other_without_drift() -> None:
    rate = FreqCtr()
    rate.tick(5.0)
    rate.tick(6.2)
    assert rate.since == 6.0
    assert (rate.current, rate.previous) == (1, 1)
    rate.tick(9.7)
    assert (rate.since, rate.current, rate.previous) == (9.7, 1, 0)


def test_remaining_and_wait_keep_under_a_limit() -> None:
    rate = FreqCtr()
    for _ in range(4):
        rate.tick(50.0)
    assert rate.remaining(50.2, 5) == 1
    assert rate.remaining(50.2, 4) == 0
    assert 0.79 < rate.wait(50.2, 4) < 0.81
    assert rate.wait(50.2, 5) == 0.0


def test_an_average_is_the_mean_until_the_window_is_full() -> None:
    average = Average()
    for samples, value in enumerate((3000, 0, 0, 1), 1):
        average.add(value, samples)
    assert (average.highest, average.value(4)) == (3000, 751)
    for samples in range(5, 513):
        average.add(0, samples)
    assert average.value(512) == 6
    for samples in range(513, 1001):
        average.add(0, samples)
    assert average.value(1000) == 2


def test_a_long_average_converges_and_rounds_up() -> None:
    average = Average()
    for samples in range(1, 6000):
        average.add(20, samples)
    assert average.value(6000) == 20
    for samples in range(6000, 12000):
        average.add(0, samples)
    assert average.value(12000) == 0

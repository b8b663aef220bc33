"""Windows of time: every message in exactly one of them, and none over before its time."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.pipelines.streaming.windows import Windows

TIMES = st.floats(min_value=0, max_value=4e9, allow_nan=False)
SIZES = st.integers(min_value=1, max_value=86400)


@given(TIMES, SIZES)
def test_a_time_is_in_the_window_that_starts_before_it_and_ends_after_it(time, size):
    start = Windows(size, 0).start_of(time)
    assert start <= time < start + size
    assert start % size == 0


@given(st.lists(TIMES, min_size=1), SIZES, st.integers(min_value=0, max_value=3600))
def test_no_window_is_over_before_something_later_than_its_end_by_the_lateness_has_come(times, size, lateness):
    closed = Windows(size, lateness).seen(times).closed()
    assert closed.over <= max(times) - lateness or math.isclose(closed.over, max(times) - lateness)
    assert not any(closed.is_late(time) for time in times if time > max(times) - lateness)


@given(st.lists(TIMES, min_size=1), SIZES)
def test_at_the_end_all_that_came_is_in_windows_that_are_over(times, size):
    closed = Windows(size, 60).seen(times).closed(at_end=True)
    assert all(time < closed.over for time in times)


@given(st.lists(st.lists(TIMES), max_size=5), SIZES)
def test_time_never_goes_back(batches, size):
    windows = Windows(size, 10)
    for batch in batches:
        later = windows.seen(batch).closed()
        assert (later.newest, later.over) >= (windows.newest, windows.over)
        windows = later


def test_of_an_empty_stream_nothing_is_over():
    assert Windows(60, 10).closed(at_end=True) == Windows(60, 10)

"""Thread-seconds against a count that looks at every stretch of time by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.init_actions.tally import Tally, busy

STEPS = st.lists(
    st.tuples(st.integers(0, 100), st.one_of(st.sampled_from(["began", "ended"]), st.integers(0, 40))), max_size=30
)


@given(STEPS, st.integers(0, 100))
def test_each_stretch_counts_once_as_work_or_as_a_pause_between_two(steps, rest):
    tally, now, running, threads = Tally(), 1000.0, 0, 0
    stretches: list[tuple[bool, int, int]] = []
    tally.resized(0, now)
    for seconds, what in steps:
        now += seconds
        stretches.append((running > 0, threads, seconds))
        if what == "began":
            tally.began(now)
            running += 1
        elif what == "ended" and running:
            tally.ended(now)
            running -= 1
        elif isinstance(what, int):
            tally.resized(what, now)
            threads = what
    stretches.append((running > 0, threads, rest))
    at_work = [place for place, (works, _, _) in enumerate(stretches) if works]
    between = stretches[at_work[0] : at_work[-1]] if at_work else []
    assert tally.until(now + rest) == (
        sum(seconds for works, _, seconds in stretches if works),
        sum(threads * seconds for works, threads, seconds in stretches if works),
        pytest.approx(sum(threads * seconds for works, threads, seconds in between if not works)),
    )


def test_only_computing_counts_as_busy():
    said = [{"action": "compute", "start": 1.0, "stop": 3.5}, {"action": "transfer", "start": 0.0, "stop": 9.0}]
    assert busy(said) == 2.5

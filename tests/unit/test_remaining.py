"""How long a way up still takes: nothing where nobody knows, less as time goes by, nothing left at its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.earlier_ups import KEPT, earlier_ups, keep_up
from dask_dataproc.clusters.phases import UP, Phase
from dask_dataproc.clusters.remaining import remaining, usual
from dask_dataproc.clusters.spec import ClusterSpec

SPEC = ClusterSpec(name="a", project="local")
ups = st.lists(st.fixed_dictionaries({name: st.floats(0, 100) for name in UP}), min_size=1, max_size=20)


def came_up(seconds: float = 1.0, *names: str) -> list[Phase]:
    return [Phase(name, 0.0, seconds) for name in names or UP]


def test_nobody_knows_at_the_first_way_up_and_of_a_way_back():
    assert remaining([], [], 0.0) is None
    assert remaining([Phase("undo", 0.0)], [dict.fromkeys(UP, 1.0)], 0.0) is None


def test_what_remains_is_the_rest_of_the_phase_and_those_to_come():
    earlier = [dict.fromkeys(UP, 10.0)]
    assert remaining([], earlier, 0.0) == 80.0
    assert remaining([Phase("create", 0.0)], earlier, 4.0) == 46.0
    assert remaining([Phase("start", 0.0)], earlier, 4.0) == 40.0  # one that is started: nothing known of that phase
    assert remaining([Phase("boot", 0.0)], earlier, 99.0) == 30.0  # longer than ever: as if about to end


def test_one_slow_way_up_does_not_make_the_others_slow():
    assert usual([{"boot": 10.0}, {"boot": 12.0}, {"boot": 300.0}]) == {"boot": 12.0}


@given(ups, st.sampled_from(UP), st.floats(0, 200))
def test_it_is_never_below_nothing_and_never_more_than_the_slowest_times(earlier, name, now):
    slowest = sum(max(each[phase] for each in earlier) for phase in UP)
    assert 0 <= remaining([Phase(name, 0.0)], earlier, now) <= slowest + 1e-9  # added in another order


@given(ups)
def test_at_its_end_nothing_remains(earlier):
    assert remaining(came_up(), earlier, 0.0) == 0.0


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "dask-dataproc" / "ups"


def test_the_last_ways_up_of_a_place_and_runtime_are_kept(home):
    for number in range(KEPT + 5):
        keep_up(SPEC, came_up(float(number)))
    assert [each["boot"] for each in earlier_ups(SPEC)] == [float(n) for n in range(5, KEPT + 5)]
    assert earlier_ups(SPEC.replace(region="europe-west1")) == []
    assert earlier_ups(SPEC.replace(runtime="yarn")) == []
    assert [file.suffix for file in home.iterdir()] == [".json"]


def test_what_only_attached_or_failed_says_nothing_of_ways_up(home):
    keep_up(SPEC, came_up(1.0, "service", "boot", "connect", "ready"))
    keep_up(SPEC, [*came_up(1.0, "service", "create"), Phase("boot", 0.0, 3.0, failed=True)])
    assert earlier_ups(SPEC) == []


def test_a_broken_file_is_none_and_is_written_anew(home):
    keep_up(SPEC, came_up())
    (file,) = home.iterdir()
    for broken in ("{", "[1]", "3", '[{"boot": "long"}]'):
        file.write_text(broken)
        assert earlier_ups(SPEC) == []
    keep_up(SPEC, came_up())
    assert len(earlier_ups(SPEC)) == 1

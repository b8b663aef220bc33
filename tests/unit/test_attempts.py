"""What is tried when a zone is out of machines: in order, nothing twice, and not for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc import ClusterSpec, QuotaExceeded, Stockout
from dask_dataproc.clusters.attempts import MOST, PLACES, Failure, change, next_attempt, zones_of

ASKED = ClusterSpec(name="c", region="us-central1", fallbacks=("n2d-standard-4", "e2-standard-4"))
SPOT = ASKED.replace(secondary_workers=2, secondary_type="spot")


def attempts(asked, say=lambda spec: Stockout("out of stock")) -> list[ClusterSpec]:
    """All that is tried, where ``say`` tells how each attempt fails."""
    failed: list[Failure] = []
    spec: ClusterSpec | None = asked
    while spec is not None:
        failed.append(Failure(spec, say(spec)))
        spec = next_attempt(asked, failed)
    return [failure.spec for failure in failed]


def told(specs) -> list[tuple[str, str]]:
    return [(spec.worker_machine, spec.zone) for spec in specs]


def test_zones_come_first_then_machine_types_then_standard_workers():
    tried = attempts(SPOT)
    kinds = [spec.secondary_type for spec in tried]
    assert told(tried)[:4] == [
        ("n2-standard-4", ""),
        ("n2-standard-4", "us-central1-a"),
        ("n2-standard-4", "us-central1-b"),
        ("n2d-standard-4", ""),
    ]
    assert kinds == sorted(kinds, reverse=True), "spot before non-preemptible"
    assert set(kinds) == {"spot", "non-preemptible"}


def test_the_zones_that_dataproc_names_come_first_and_no_others_do():
    def say(spec):
        return Stockout(
            "", zone=spec.zone or "us-central1-b", machine=spec.worker_machine, available=("us-central1-f",)
        )

    assert told(attempts(ASKED.replace(fallbacks=()), say)) == [
        ("n2-standard-4", ""),
        ("n2-standard-4", "us-central1-f"),
    ]


def test_where_no_zone_of_the_region_has_a_type_the_next_type_is_tried_at_once():
    def say(spec):
        return Stockout("", zone="us-central1-b", machine=spec.worker_machine, available=())

    assert told(attempts(ASKED, say)) == [("n2-standard-4", ""), ("n2d-standard-4", ""), ("e2-standard-4", "")]


def test_the_master_follows_the_workers_to_another_type_if_it_was_of_theirs():
    assert {(s.master_machine == s.worker_machine) for s in attempts(ASKED)} == {True}
    assert {s.master_machine for s in attempts(ASKED.replace(master_machine="n1-standard-4"))} == {"n1-standard-4"}


def test_other_workers_do_not_help_where_the_masters_type_is_out():
    asked = ASKED.replace(master_machine="n1-standard-4")
    tried = attempts(asked, lambda spec: Stockout("", zone=spec.zone, machine="n1-standard-4", available=()))
    assert told(tried) == [("n2-standard-4", "")]


def test_an_alternative_without_quota_is_left_out_in_every_zone():
    def say(spec):
        return QuotaExceeded("no quota") if spec.worker_machine == "n2d-standard-4" else Stockout("")

    assert [spec.worker_machine for spec in attempts(ASKED, say)].count("n2d-standard-4") == 1


def test_a_change_is_told_in_words():
    assert change(ASKED, ASKED.replace(zone="us-central1-a")) == "in us-central1-a"
    after = SPOT.replace(secondary_type="non-preemptible", worker_machine="e2-standard-4")
    assert change(SPOT, after) == "4 × e2-standard-4 non-preemptible secondary workers"
    assert change(ASKED.replace(zone="us-central1-a"), ASKED) == "in any zone"


@pytest.mark.parametrize(
    ("region", "zones"),
    [("europe-west1", "bcd"), ("europe-west4", "abc"), ("us-central1", "abcf"), ("global", "")],
)
def test_zones_of_a_region(region, zones):
    assert zones_of(region) == tuple(f"{region}-{letter}" for letter in zones)


zones = st.sampled_from(["", *zones_of("us-central1"), "us-east1-b"])
machines = st.sampled_from(["n2-standard-4", "n2d-standard-4", "e2-standard-4", "n2-standard-8", "n1-standard-4"])
errors = st.one_of(
    st.just(QuotaExceeded("")),
    st.builds(
        Stockout,
        st.just(""),
        zone=zones,
        machine=st.one_of(st.just(""), machines),
        available=st.one_of(st.none(), st.lists(zones.filter(bool), max_size=3).map(tuple)),
    ),
)


@given(
    asked=st.builds(
        ASKED.replace,
        zone=st.sampled_from(["", "us-central1-a", "us-central1-f"]),
        master_machine=machines,
        fallbacks=st.lists(machines, max_size=5).map(tuple),
        secondary_workers=st.integers(0, 3),
        secondary_type=st.sampled_from(["spot", "preemptible", "non-preemptible"]),
    ),
    said=st.lists(errors, min_size=MOST, max_size=MOST),
)
def test_whatever_is_answered_nothing_is_tried_twice_and_it_ends(asked, said):
    answers = iter(said)
    tried = attempts(asked, lambda spec: next(answers))  # more than MOST of them would be a StopIteration
    keys = [(spec.secondary_type, spec.worker_machine, spec.zone) for spec in tried]
    assert len(set(keys)) == len(keys) <= MOST
    machine_order = list(dict.fromkeys((asked.worker_machine, *asked.fallbacks)))
    assert keys == sorted(keys, key=lambda k: (k[0] != asked.secondary_type, machine_order.index(k[1])))
    assert all(sum(k[:2] == other[:2] for other in keys) <= PLACES for k in keys)
    for spec in tried:
        allowed = {"zone", "worker_machine", "master_machine", "secondary_type"}
        assert {n for n in spec.to_dict(defaults=True) if getattr(spec, n) != getattr(asked, n)} <= allowed
        assert not spec.zone or spec.zone.startswith("us-central1-")


@given(available=st.lists(zones.filter(bool), max_size=3).map(tuple), zone=zones)
def test_no_zone_is_tried_that_dataproc_has_just_said_to_be_without(available, zone):
    tried = attempts(ASKED, lambda spec: Stockout("", zone=zone, machine=spec.worker_machine, available=available))
    assert all(spec.zone in available for spec in tried if spec.zone)

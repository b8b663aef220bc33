"""A cluster is admitted if it fits into its owner's class beside the others; else what would fit can be pasted."""

from __future__ import annotations

import shlex
from itertools import permutations

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_dataproc import ClusterSpec, QuotaExceeded
from dask_dataproc.clusters.account import Account
from dask_dataproc.clusters.admission import admit, admit_pool, admit_resize, fitting, most_workers
from dask_dataproc.clusters.autoscaling import policy_of
from dask_dataproc.clusters.footprint import excesses, footprint, reservation_of, within
from dask_dataproc.clusters.machines import GIB, PREDEFINED
from dask_dataproc.clusters.quotas import CLASSES, Limits
from dask_dataproc.magics.options import spec_options, typed_fields

HOUR = 3600
STANDARD = CLASSES["standard"]
NOBODY = Account("ana")


def cluster(name: str = "dask-ana-3f2c", **fields) -> ClusterSpec:
    return ClusterSpec(name=name, **{"project": "p", "lifetime": 4 * HOUR, **fields})


def owning(*specs: ClusterSpec) -> Account:
    account = Account("ana")
    for spec in specs:
        account = account.reserve(reservation_of(spec, spec.name, 1e10, uuid=f"uuid-{spec.name}"))
    return account


def refusal(spec: ClusterSpec, account: Account = NOBODY, limits: Limits = STANDARD) -> QuotaExceeded:
    with pytest.raises(QuotaExceeded) as refused:
        admit(spec, account, limits)
    assert "\n" not in refused.value.lines().replace("\n  Try:  ", "")
    return refused.value


def pasted(hint: str) -> ClusterSpec:
    """Return the spec that the options in a hint make, through the command line's own parser."""
    made: dict[str, ClusterSpec] = {}

    @spec_options
    def up(**given):
        made["spec"] = ClusterSpec(project="p", **typed_fields(given))

    options = hint.removeprefix("%dask_cluster up ").partition("   ")[0]
    ran = CliRunner().invoke(click.command()(up), shlex.split(options), catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return made["spec"]


def test_three_workers_of_14_gb_are_what_a_standard_user_may_have():
    assert footprint(cluster(workers=3)) == (3, 42 * GIB, 100, 4 * HOUR)
    admit(cluster(workers=3), NOBODY, STANDARD)
    assert refusal(cluster(workers=4)).message == (
        "4 workers asked, 3 allowed for standard users; 56 GB of workers' memory asked, 42 GB allowed"
    )


def test_a_refusal_says_what_is_asked_allowed_and_in_use_by_which_clusters_and_what_fits():
    error = refusal(cluster("new", workers=3), owning(cluster(workers=0)))
    assert error.lines() == (
        "QuotaExceeded: 42 GB of workers' memory asked, 42 GB allowed for standard users "
        "(you have 14 GB in use by dask-ana-3f2c)\n"
        "  Try:  %dask_cluster up --workers 2 --lifetime 4h   or ask for the power class: docs/quotas.md"
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"lifetime": 8 * HOUR}, "8h of lifetime asked, 4h allowed for standard users"),
        ({"worker_disk_gb": 200}, "200 GB of boot disk asked, 100 GB allowed for standard users"),
        ({"worker_machine": "n2-highmem-8"}, "124 GB of workers' memory asked, 42 GB allowed for standard users"),
        ({"worker_machine": "n4-standard-8"}, "an unknown amount of workers' memory asked, 42 GB allowed for standard"),
        ({"runtime": "yarn", "autoscaling": True}, "15 workers asked, 3 allowed for standard users"),
    ],
)
def test_each_limit_is_named_and_the_hint_is_admitted_as_it_is_pasted(fields, said):
    error = refusal(cluster(**fields))
    assert error.message.startswith(said)
    admit(pasted(error.hint), NOBODY, STANDARD)


def test_a_fourth_cluster_is_refused_with_the_three_that_there_are():
    small = [cluster(name, workers=0, master_machine="n2-standard-2") for name in ("dask-a", "dask-b", "dask-c")]
    error = refusal(cluster("new", workers=0), owning(*small))
    assert error.message == (
        "4 clusters at a time asked, 3 allowed for standard users (you have 3 in use by dask-a, dask-b, dask-c)"
    )
    assert error.hint.startswith("%dask_cluster down dask-a ")


def test_what_nobody_gave_is_cut_to_the_class_and_what_somebody_did_is_refused():
    eight = ClusterSpec(project="p", lifetime=8 * HOUR)
    assert within(eight, STANDARD, ()).lifetime == 4 * HOUR
    assert within(eight, STANDARD, ("lifetime",)) == eight
    assert within(eight, CLASSES["unlimited"], ()) == eight


def test_a_cluster_on_yarn_that_dataproc_resizes_counts_as_its_policy_lets_it_become():
    spec = cluster(runtime="yarn", autoscaling=True, max_workers=6, max_secondary=2)
    policy = policy_of(spec)
    most = policy["worker_config"]["max_instances"] + policy["secondary_worker_config"]["max_instances"]
    assert footprint(spec).workers == most == 8
    found = fitting(spec, NOBODY, STANDARD)
    assert (found.autoscaling, found.max_workers, found.max_secondary) == (True, 3, 0)


def test_a_fallback_to_a_larger_machine_counts_as_the_machine_that_it_may_come_to():
    spec = cluster(fallbacks=["n2d-standard-4", "n2-highmem-16"])
    error = refusal(spec)
    assert error.message.startswith("252 GB of workers' memory asked, 42 GB allowed")
    assert error.hint.startswith("%dask_cluster up --fallbacks 'n2d-standard-4' --lifetime 4h")
    assert fitting(spec, NOBODY, STANDARD) == spec.replace(fallbacks=["n2d-standard-4"])


def test_a_resize_looks_at_the_size_alone_and_names_the_largest_that_fits():
    spec = cluster(workers=2, lifetime=24 * HOUR)
    account = owning(spec)
    admit_resize(spec, 3, account, STANDARD, spec.name)
    with pytest.raises(QuotaExceeded, match="7 workers asked, 3 allowed for standard users; 98 GB") as refused:
        admit_resize(spec, 7, account, STANDARD, spec.name)
    assert refused.value.hint.startswith("%dask_cluster scale 3   or ask for the batch class")
    assert most_workers(spec, 7, account, STANDARD, spec.name) == 3


def test_who_shrinks_is_never_refused():
    spec = cluster(workers=10)
    admit_resize(spec, 8, owning(spec), STANDARD, spec.name)


def test_the_same_request_does_not_count_twice():
    spec = cluster(workers=3)
    admit(spec, NOBODY.reserve(reservation_of(spec, "key", 1e10)), STANDARD, "key")
    refusal(spec, NOBODY.reserve(reservation_of(spec, "key", 1e10)))


def test_the_pool_of_all_users_has_an_end():
    held = [reservation_of(cluster(f"dask-{n}"), str(n), 1e10) for n in range(10)]
    admit_pool(held[:9], 10)
    admit_pool(held, 10, "3")
    admit_pool(held, None)
    with pytest.raises(QuotaExceeded, match=r"11 clusters at a time asked, 10 allowed for all users together; 10 in"):
        admit_pool(held, 10)


MACHINES = st.sampled_from(["n2-standard-2", "n2-standard-4", "n2-highmem-8", "e2-highcpu-16", "n2-custom-6-20480"])


@st.composite
def specs(draw) -> ClusterSpec:
    workers = draw(st.integers(0, 12).filter(lambda n: n != 1))
    secondary = draw(st.integers(0, 6)) if workers else 0
    scaled = draw(st.booleans()) and workers > 0
    most = workers + secondary + draw(st.integers(0, 4))
    return ClusterSpec(
        project="p",
        name=f"dask-{draw(st.integers(0, 10**9))}",
        workers=workers,
        secondary_workers=secondary,
        min_workers=draw(st.integers(0, min(4, most))),
        max_workers=most,
        max_secondary=draw(st.integers(0, 6)),
        runtime="yarn" if scaled else "standalone",
        autoscaling=scaled,
        worker_machine=draw(MACHINES),
        master_machine=draw(MACHINES),
        fallbacks=draw(st.lists(MACHINES | st.just("n4-standard-8"), max_size=2)),
        worker_disk_gb=draw(st.sampled_from([50, 100, 400])),
        lifetime=draw(st.integers(1, 40)) * HOUR,
    )


BOUNDS = st.sampled_from([limits for name, limits in CLASSES.items() if name != "unlimited"]) | st.builds(
    Limits,
    st.just("ana"),
    st.none() | st.integers(0, 4),
    st.none() | st.integers(0, 12),
    st.none() | st.integers(1, 300),
    st.none() | st.integers(600, 48 * HOUR),
    st.none() | st.integers(30, 500),
)


ALL_ELSE_LEAST = {"lifetime": 600, "master_disk_gb": 30, "worker_disk_gb": 30}


def smaller_types(spec: ClusterSpec) -> list[str]:
    series = spec.master_machine.rpartition("-")[0]
    return [name for name in PREDEFINED if name.startswith(f"{series}-")] or [spec.master_machine]


def admitted(spec: ClusterSpec, account: Account, limits: Limits) -> bool:
    return not excesses(footprint(spec), account, limits)


FEWER = settings(max_examples=40, deadline=None)
"""Specs are checked field by field each time that one is made: 1,500 examples of each have passed too."""


@FEWER
@given(st.lists(specs(), max_size=5, unique_by=lambda spec: spec.name), BOUNDS)
def test_all_that_is_admitted_fits_its_class_and_the_sum_stays_within(wanted, limits):
    account = Account("ana")
    for spec in wanted:
        if admitted(spec, account, limits):
            assert limits.workers is None or footprint(spec).workers <= limits.workers
            assert limits.duration is None or spec.lifetime <= limits.duration
            assert limits.disk_gb is None or spec.master_disk_gb <= limits.disk_gb
            account = account.reserve(reservation_of(spec, spec.name, 1e10))
        held = account.reservations.values()
        assert limits.jobs is None or len(held) <= limits.jobs
        assert limits.memory_gb is None or sum(each.memory for each in held) <= limits.memory_gb * GIB


@FEWER
@given(st.lists(st.tuples(st.sampled_from("abc"), specs()), max_size=4), BOUNDS)
def test_what_one_user_gets_does_not_depend_on_when_the_others_ask(requests, limits):
    numbered = [(user, number, spec) for number, (user, spec) in enumerate(requests)]
    outcomes = set()
    for order in permutations(numbered):
        if any([n for u, n, _ in order if u == user] != [n for u, n, _ in numbered if u == user] for user in "abc"):
            continue  # one user's own requests stay in their order
        accounts = {user: Account(user) for user in "abc"}
        got = set()
        for user, number, spec in order:
            if admitted(spec, accounts[user], limits):
                accounts[user] = accounts[user].reserve(reservation_of(spec, str(number), 1e10))
                got.add(number)
        outcomes.add(frozenset(got))
    assert len(outcomes) == 1


@FEWER
@given(specs(), st.none() | specs(), BOUNDS)
def test_what_fits_is_admitted_and_one_worker_more_is_not(spec, other, limits):
    account = owning(other.replace(name="other")) if other else NOBODY
    found = fitting(spec, account, limits)
    if admitted(spec, account, limits):
        assert found == spec
        return
    if found is None:
        alone = spec.replace(workers=0, secondary_workers=0, autoscaling=False, fallbacks=(), **ALL_ELSE_LEAST)
        assert not any(admitted(alone.replace(master_machine=name), account, limits) for name in smaller_types(spec))
        return
    assert admitted(found, account, limits)
    if not found.workers or found.worker_machine != spec.worker_machine:
        return
    count, asked = footprint(found).workers, footprint(spec).workers
    assert count <= asked
    assert count == asked or excesses(footprint(found, count + 1), account, limits)


@FEWER
@given(specs(), specs(), st.none() | specs(), BOUNDS)
def test_less_is_admitted_where_more_is(one, two, other, limits):
    account = owning(other.replace(name="other")) if other else NOBODY
    less, more = footprint(one), footprint(two)
    known = None not in (less.memory, more.memory)
    if known and all(a <= b for a, b in zip(less, more, strict=True)) and not excesses(more, account, limits):
        assert not excesses(less, account, limits)
    if not excesses(more, account, limits):
        assert not excesses(more, NOBODY, limits)


@FEWER
@given(specs(), BOUNDS)
def test_a_hint_to_start_something_is_admitted_as_it_is_pasted(spec, limits):
    if not admitted(spec, NOBODY, limits):
        error = refusal(spec, NOBODY, limits)
        if error.hint.startswith("%dask_cluster up"):
            assert admitted(pasted(error.hint), NOBODY, limits)
        else:
            assert fitting(spec, NOBODY, limits) is None

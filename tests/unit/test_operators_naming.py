"""What a run's cluster and jobs are called: names that Dataproc takes, and never those of another run."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.pipelines.operators.naming import Names

CLUSTER = re.compile(r"[a-z]([a-z0-9-]{0,49}[a-z0-9])?")
JOB = re.compile(r"[a-zA-Z0-9_-]{1,100}")
UUID = "5d1c7a90-2b1e-4c9d-9f5e-3f6a7b8c9d0e"
RUN = Names("orders", "scheduled__2025-01-02T03:04:05+00:00", "process", -1, 1)
names = st.builds(
    Names, st.text(max_size=80), st.text(max_size=80), st.text(max_size=80), st.just(-1), st.integers(1, 9)
)


@given(names, st.text(max_size=80), st.booleans())
def test_every_name_is_one_that_dataproc_takes(these, prefix, shared):
    assert CLUSTER.fullmatch(these.cluster(prefix, shared=shared))
    assert JOB.fullmatch(these.job(UUID))


@given(names)
def test_a_later_try_has_the_same_cluster_and_mark_and_a_job_of_its_own(these):
    later = replace(these, attempt=these.attempt + 1)
    assert later.cluster("etl", shared=False) == these.cluster("etl", shared=False)
    assert later.mark == these.mark
    assert later.job(UUID) != these.job(UUID)


def test_a_run_done_anew_has_jobs_of_its_own_and_a_try_on_the_same_cluster_the_same_job():
    assert RUN.job("0f3b0c6e-new") != RUN.job(UUID)
    assert replace(RUN).job(UUID) == RUN.job(UUID)


def test_another_run_dag_task_or_mapped_one_has_another_cluster():
    others = [replace(RUN, run="r"), replace(RUN, dag="d"), replace(RUN, task="t"), replace(RUN, map_index=0), RUN]
    assert len({each.cluster("etl", shared=False) for each in others}) == len(others)


def test_tasks_of_one_run_share_a_shared_cluster_and_those_of_another_run_do_not():
    assert replace(RUN, task="gate").cluster("etl", shared=True) == RUN.cluster("etl", shared=True)
    assert replace(RUN, run="another").cluster("etl", shared=True) != RUN.cluster("etl", shared=True)


def test_a_prefix_with_no_letter_first_gets_one():
    assert RUN.cluster("2024_orders", shared=True).startswith("c-2024-orders-")
    assert RUN.cluster("***", shared=True).startswith("dask-")

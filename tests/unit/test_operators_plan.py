"""What an operator was given as the cluster and the job that Dataproc is asked for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.dataproc_config import JOB_FILE
from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.pipelines.operators.plan import Program, arguments, cluster_spec, dataproc_job

PLACE = {"project": "p", "region": "us-central1", "staging": "gs://b/dask", "subnetwork": ""}


def spec(config, place=PLACE, takes=None):
    return cluster_spec(config, "etl-abc", place, takes)


def test_adr_003s_words_make_the_size_and_a_field_beside_them_counts():
    sized = spec({"workload_type": "large_etl", "data_size_gb": 100})
    assert (sized.workers, sized.worker_machine) == (8, "n2-standard-4")
    assert spec({"workload_type": "large_etl", "workers": 3}).workers == 3


def test_none_and_empty_are_unsaid():
    assert spec({"workload_type": None, "data_size_gb": "", "workers": 3}) == spec({"workers": 3})


@pytest.mark.parametrize("said", [True, "true", "True", 1, "1"])
def test_gpus_are_on_a_family_that_takes_them(said):
    made = spec({"workload_type": "ml_training", "gpu_enabled": said})
    assert made.worker_machine.startswith("n1-highmem-")
    assert made.accelerators


@given(st.floats(0, 1e7))
def test_the_cluster_outlives_the_task_that_may_take_so_long(takes):
    lifetime = spec({}, takes=takes).lifetime
    assert lifetime >= min(takes, 14 * 86400 - 1)
    assert 3600 <= lifetime <= 14 * 86400


@pytest.mark.parametrize(
    ("owner", "labels", "whose"),
    [("Data Team", {}, "data-team"), ("a" * 80, {}, "a" * 63), ("airflow", {"owner": "ana"}, "ana"), ("", {}, None)],
)
def test_a_cluster_is_its_tasks_owners_unless_it_says_whose(owner, labels, whose):
    made = cluster_spec({"labels": labels | {"team": "risk"}}, "etl-abc", PLACE, None, owner)
    assert made.labels.get("owner") == whose
    assert made.labels["team"] == "risk"


def test_a_lifetime_that_is_said_counts():
    assert spec({"lifetime": 7200}, takes=60.0).lifetime == 7200


@pytest.mark.parametrize(
    ("config", "place", "said"),
    [
        ({}, PLACE | {"project": ""}, "project_id: '' given"),
        ({}, PLACE | {"staging": ""}, "staging: '' given"),
        ({"workload_type": "etl", "data_size_gb": "much"}, PLACE, "data_size_gb: 'much' given"),
        ({"workload_type": "etl", "data_size_gb": -1}, PLACE, "data_size_gb: -1 given"),
        ({"gpu_enabled": "perhaps"}, PLACE, "gpu_enabled: 'perhaps' given"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(config, place, said):
    with pytest.raises(SpecError) as refused:
        spec(config, place)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


plain = st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.lists(st.integers(), max_size=3))


@given(st.dictionaries(st.text("abc", min_size=1), plain, max_size=4))
def test_of_a_mapping_each_is_a_name_and_a_value_and_what_is_no_text_is_json(given):
    told = arguments(given, typed=False)
    assert told[::2] == [f"--{name}" for name in given]
    assert [
        v if isinstance(w, str) else json.loads(v) for v, w in zip(told[1::2], given.values(), strict=True)
    ] == list(given.values())


@pytest.mark.parametrize("given", ["--day 1", 3, None])
def test_arguments_that_are_neither_list_nor_mapping_are_refused(given):
    with pytest.raises(SpecError, match="job_args: "):
        arguments(given, typed=False)


@pytest.mark.parametrize(
    "said",
    [{}, {"file": "gs://b/a.py", "module": "m", "function": "f"}, {"module": "m"}, {"function": "f"}],
)
def test_a_program_is_a_file_or_a_function_of_a_module(said):
    with pytest.raises(SpecError, match="job_file, or job_module with job_function"):
        Program(**said)


def test_a_function_is_run_by_the_job_runner_and_a_file_in_the_nodes_environment():
    function = dataproc_job("j", spec({}), {"dag": "d"}, Program(module="m", function="f"), ["--x", "1"])
    assert function["pyspark_job"] == {
        "main_python_file_uri": JOB_FILE,
        "args": ["--job-module", "m", "--job-function", "f", "--x", "1"],
    }
    file = dataproc_job("j", spec({}), {"dag": "d"}, Program(file="gs://b/a.py"), [])
    assert set(file["pyspark_job"]["properties"].values()) == {"/opt/dask-dataproc/env/bin/python"}
    assert file["placement"] == {"cluster_name": "etl-abc"}
    assert file["labels"]["dag"] == "d"

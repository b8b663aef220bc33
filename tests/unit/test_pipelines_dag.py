"""What a notebook says of itself as a job, and the text of the DAG made from it. How it runs: tests/airflow."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.environment import Environment
from dask_dataproc.clusters.errors import NotebookError
from dask_dataproc.pipelines.generator import generate_dag, write_dag
from dask_dataproc.pipelines.literals import literal
from dask_dataproc.pipelines.metadata import FIELDS, read_job

TEXT = st.text(st.characters(codec="utf-8"))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(LEAVES, lambda v: st.lists(v) | st.dictionaries(TEXT, v), max_leaves=40)
CLUSTER = {"project": "proj-x", "staging": "gs://bucket/dask"}
CELL = """
data: str = "gs://b/x:y,z"  # where the tables are
ratio: float = 1
limit: int | None = None
tags: list[str] = ["it's", 'a "b"', "a line that is there for its length only, so that the list is broken over lines"]
stamp = now()
shape = (1, 2)
"""


def notebook(cell: str = "", **job: Any) -> dict[str, Any]:
    cells = [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": cell}] if cell else []
    return {"cells": cells, "metadata": {"kernelspec": {"name": "dask"}, "dask_dataproc": job}, "nbformat": 4}


def constants(text: str) -> dict[str, Any]:
    """Return the literal constants of a DAG file."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def params(text: str) -> dict[str, ast.Call]:
    (node,) = (
        n.value for n in ast.parse(text).body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "PARAMETERS"
    )
    return dict(zip([ast.literal_eval(k) for k in node.keys], node.values, strict=True))


def function(text: str, name: str) -> Any:
    """Return a function of a DAG file that needs nothing of Airflow."""
    (found,) = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name)
    space: dict[str, Any] = {}
    exec(ast.unparse(found), space)
    return space[name]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"retries": "many"}, "metadata dask_dataproc: retries: 'many' given"),
        ({"retries": 11}, "metadata dask_dataproc: retries: 11 given"),
        ({"timeout": "soon"}, "metadata dask_dataproc: timeout: 'soon' given"),
        ({"schedule": "every day"}, "metadata dask_dataproc: schedule: 'every day' given"),
        (
            {"schedule": "99 * * * *"},
            "metadata dask_dataproc: schedule: '99 * * * *' given, allowed is a cron expression",
        ),
        ({"inputs": ["s3://b/x"]}, "metadata dask_dataproc: inputs: "),
        ({"inputs": ["gs://b/folder/"]}, "metadata dask_dataproc: inputs: "),
        ({"inputs": ["gs://b/{{ ds"]}, "metadata dask_dataproc: inputs: "),
        ({"inputs": ["{{ ds | }}/x"]}, "metadata dask_dataproc: inputs: '{{ ds | }}/x' given, allowed is Jinja"),
        ({"notify": ["http://example.org/hook"]}, "metadata dask_dataproc: notify: "),
        ({"notify": ["nobody"]}, "metadata dask_dataproc: notify: "),
        ({"runner": "local"}, "metadata dask_dataproc: runner: 'local' given, allowed is one of papermill, "),
        ({"retry_delay": "2d"}, "metadata dask_dataproc: retry_delay: '2d' given"),
        ({"publishes": ["data"]}, "metadata dask_dataproc: publishes: ['data'] given, allowed is a mapping of names"),
        ({"publishes": {"data": 3}}, "metadata dask_dataproc: publishes: {'data': 3} given"),
        (
            {"publishes": {"dta": {}}},
            "metadata dask_dataproc: publishes.dta: the notebook has no parameter 'dta'; cell 1 has data, ratio,",
        ),
        ({"publishes": {"ratio": {}}}, "metadata dask_dataproc: publishes.ratio: parameter 'ratio' (cell 1) is 1,"),
        ({"publishes": {"stamp": {}}}, "metadata dask_dataproc: publishes.stamp: parameter 'stamp' (cell 1) is an"),
        ({"timetable": "@daily"}, "metadata dask_dataproc: 'timetable': no such field"),
        ({"cluster": {"worker": 2}}, "metadata dask_dataproc.cluster: 'worker': no such field"),
        ({"cluster": {"workers": 1}}, "metadata dask_dataproc.cluster: workers: 1 given"),
        ({"cluster": 3}, "metadata dask_dataproc: cluster: 3 given"),
        (
            {"timeout": "3h", "retries": 1, "cluster": {"lifetime": "5h"}},
            "metadata dask_dataproc.cluster: lifetime: 5h",
        ),
    ],
)
def test_wrong_metadata_is_one_line_with_the_field_and_what_was_given(job, said):
    with pytest.raises(NotebookError) as refused:
        read_job(notebook(CELL, **job))
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_silent_notebook_has_every_default():
    job, spec = read_job({"cells": [], "metadata": {}})
    assert {name: getattr(job, name) for name in FIELDS} == {name: field.default for name, field in FIELDS.items()}
    assert spec.lifetime == job.timeout + 3600


def test_a_cluster_lives_for_all_tries():
    _, spec = read_job(notebook(retries=2, retry_delay="10m", timeout="1h"))
    assert spec.lifetime == 3 * 3600 + 2 * 600 + 3600


@given(VALUES)
def test_a_literal_is_read_back_equal_and_typed(value):
    assert repr(ast.literal_eval(literal(value))) == repr(value)


KERNEL = Environment(
    "0123abcd" * 4, "3.11", "dask==2026.8.0\n", {"dask": "2026.8.0", "ours": "0.1 (0f)", "vcs": "git+x"}
)
LONG = {"rows": {"min": 1}, "columns": {f"column_{n}": {"nulls": 0.0, "unique": True} for n in range(9)}}
EVERYTHING = {
    "schedule": "0 6 * * 1-5",
    "publishes": {"data": LONG},
    "notify": ["ana@example.org", "https://example.org/hook"],
    "pool": "dataproc_jobs",
    "owner": "A person whose name is so long that it does not fit on a line with everything else that has to be there",
}
JOBS = [
    {},
    {"inputs": ["gs://b/in/_SUCCESS"]},
    {"inputs": ["/data/ready"], "schedule": "@daily", "pool": "p"},
    {"inputs": ["gs://b/x", "/data/a b", "gs://b/{{ ds }}/y"], "publishes": {"data": {}}},
    EVERYTHING,
    EVERYTHING | {"runner": "dataproc-job", "notebook": "gs://b/job.ipynb", "inputs": ["/data/x"], "schedule": "@once"},
    {"runner": "dataproc-job", "notify": ["a@example.org"]},
]


@pytest.mark.parametrize("kernel", [None, KERNEL])
@pytest.mark.parametrize("job", JOBS)
def test_the_text_needs_no_formatter_and_names_all_it_uses(job, kernel, tmp_path):
    dag = tmp_path / "job.py"
    dag.write_text(generate_dag(notebook(CELL, cluster=CLUSTER, **job), "gs://b/job.ipynb", "", kernel))
    for command in (["format", "--diff"], ["check", "--select", "E4,E7,E9,F,I,B"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "120", str(dag)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_whose_outputs_lie_within_one_another_is_refused():
    check_apart = function(generate_dag(notebook(CELL, publishes={"data": {}}), "job.ipynb"), "check_apart")
    sales, other = ({"staged": f"gs://b/_staged/{name}/1", "final": f"gs://b/{name}"} for name in ("sales", "sales_2"))
    check_apart([sales, other])
    for place in ("gs://b/sales/items", "gs://b/sales", "gs://b/_staged/sales", "gs://b/_staged/sales/1/items"):
        with pytest.raises(ValueError, match=r"published is .* within .*, allowed is a folder of its own"):
            check_apart([sales, other | {"final": place}])


def test_the_same_notebook_makes_the_same_text():
    one, other = (generate_dag(notebook(CELL, cluster=CLUSTER), "gs://b/job.ipynb") for _ in range(2))
    assert one == other


def test_parameters_are_typed():
    made = {name: ast.unparse(call) for name, call in params(generate_dag(notebook(CELL), "a/job.ipynb")).items()}
    assert made["data"] == "Param('gs://b/x:y,z', description='where the tables are', type='string')"
    assert made["limit"] == "Param(None, type=['integer', 'null'])"
    assert made["stamp"] == "Param(None)"
    assert made["tags"].endswith("type='array', items={'type': 'string'})")
    assert "shape" not in made  # no job can be given a tuple: the notebook's own stays


@pytest.mark.parametrize("said", ["set[str] = {'a'}", "bytes = b''", "list = [(1, 2)]", "dict = {1: 2}", "object = 1j"])
def test_a_default_that_no_run_can_be_given_stays_the_notebooks_own(said):
    assert list(params(generate_dag(notebook(f"kept: {said}\nday = ''"), "job.ipynb"))) == ["day"]


def test_a_number_that_a_run_is_given_has_the_type_of_its_parameter():
    """JSON, and so a run's conf, has one kind of number; 2.0 is an integer to Airflow's check of types."""
    text = generate_dag(notebook("count: int = 1\nlimit: int | None = None\nratio: float = 1\nany = None"), "job.ipynb")
    scope = constants(text)
    (typed,) = (n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == "typed")
    exec(ast.unparse(typed), scope)
    given = {"count": 2.0, "limit": 3.0, "ratio": 2, "any": 2.0}
    assert [repr(scope["typed"](name, value)) for name, value in given.items()] == ["2", "3", "2.0", "2.0"]
    assert scope["typed"]("limit", None) is None


@given(st.dictionaries(st.from_regex(r"p_[a-z]{1,8}", fullmatch=True), VALUES, max_size=5))
def test_any_default_stands_in_the_file_as_it_stands_in_the_notebook(defaults):
    cell = "\n".join(f"{name} = {value!r}" for name, value in defaults.items())
    made = params(generate_dag(notebook(cell), "job.ipynb"))
    assert {n: repr(ast.literal_eval(call.args[0])) for n, call in made.items()} == {
        n: repr(v) for n, v in defaults.items()
    }


@pytest.mark.parametrize("name", ["job", "TPC-H Übung (2)", "2026", "-", "x" * 200, "q'\"\\", "日本"])
def test_any_file_name_makes_a_valid_cluster_name_and_a_file_that_parses(name):
    text = generate_dag(notebook(CELL), f"/notebooks/{name}.ipynb")
    (prefix,) = re.findall(r'cluster = f"(.*)-\{slug\}"', text)
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,49}[a-z0-9])?", f"{prefix}-0123456789ab")
    assert constants(text)["NOTEBOOK"] == f"/notebooks/{name}.ipynb"
    assert all(re.fullmatch(r"[a-z0-9_-]{0,63}", value) for value in constants(text)["LABELS"].values())


def test_project_region_and_bucket_are_the_specs_or_airflows_variables():
    given_text = generate_dag(notebook(cluster=CLUSTER | {"region": "europe-west1"}), "job.ipynb")
    assert constants(given_text)["PROJECT"] == "proj-x"
    assert constants(given_text)["REGION"] == "europe-west1"
    silent = constants(generate_dag(notebook(), "job.ipynb"))
    assert silent["PROJECT"] == "{{ var.value.gcp_project_id }}"
    assert silent["REGION"] == "{{ var.value.get('gcp_region', 'us-central1') }}"
    assert silent["CLUSTER"]["config_bucket"] == "{{var.value.dataproc_staging_bucket}}"


def test_the_autoscaling_policy_is_that_of_the_runs_project_and_region():
    made = generate_dag(notebook(cluster={"runtime": "yarn", "autoscaling": True}), "/n/etl.ipynb")
    uri = constants(made)["CLUSTER"]["autoscaling_config"]["policy_uri"]
    place = "projects/{{ var.value.gcp_project_id }}/regions/{{ var.value.get('gcp_region', 'us-central1') }}"
    assert uri.startswith(f"{place}/autoscalingPolicies/dask-2-10-5-")


def test_the_cluster_ends_by_itself_whatever_becomes_of_airflow():
    config = constants(generate_dag(notebook(timeout="1h", cluster=CLUSTER), "job.ipynb"))["CLUSTER"]
    assert config["lifecycle_config"] == {"auto_delete_ttl": {"seconds": 7200}}


def test_one_file_named_after_the_notebook_is_written(tmp_path):
    import json

    (tmp_path / "my job.ipynb").write_text(json.dumps(notebook(CELL, cluster=CLUSTER)))
    assert write_dag(tmp_path / "my job.ipynb", tmp_path / "new" / "dags") == tmp_path / "new" / "dags" / "my_job.py"


def test_nothing_is_written_for_a_notebook_that_is_wrong(tmp_path):
    (tmp_path / "job.ipynb").write_text('{"cells": [], "metadata": {"dask_dataproc": {"retries": -1}}}')
    with pytest.raises(NotebookError):
        write_dag(tmp_path / "job.ipynb", tmp_path / "dags")
    assert not (tmp_path / "dags").exists()


def test_the_nodes_of_a_run_get_the_environment_of_the_kernel_that_exported_it():
    made = constants(generate_dag(notebook(cluster={"staging": "gs://b/dask"}), "job.ipynb", "0123abcd"))["CLUSTER"]
    told = made["gce_cluster_config"]["metadata"]
    assert told["dask-environment"] == f"{told['dask-staging']}/environments/0123abcd"

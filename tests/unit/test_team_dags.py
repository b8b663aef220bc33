"""The templates of a data team: one command each, and what it writes is a call that the function takes, laid out."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dask_dataproc.magics.cli import dataproc
from dask_dataproc.pipelines.dag_templates import TEMPLATES, template

OPERATORS = Path(__file__).parent.parent.parent / "pipelines" / "operators"
ASKED = {
    "etl": {
        "input_path": "gs://b/in/orders.csv",
        "output_path": "gs://b/orders",
        "processing_script": "gs://b/jobs/orders.py",
        "quality_rules": '{"rows": {"min": 1}}',
        "notify": '["data-team@example.com"]',
    },
    "ml-training": {
        "model_name": "churn",
        "training_data_path": "gs://b/in",
        "model_output_path": "gs://b/model",
        "gpu_enabled": "true",
        "quality_thresholds": '{"auc": 0.8}',
    },
    "dynamic-etl": {"job": "jobs.etl.transform:run_etl_pipeline", "output_path": "gs://b/out", "data_size_gb": "250"},
    "batch-etl": {
        "input_source": "gs://b/in/_SUCCESS",
        "output_sink": "gs://b/out",
        "stages": '["jobs.orders:clean", "jobs.orders:join"]',
        "temp_storage": "gs://b/tmp",
        "wait": "2h",
    },
    "real-time": {
        "subscription": "projects/p/subscriptions/s",
        "output_path": "gs://b/windows",
        "state_store": "gs://b/state",
        "by": "shop",
        "value": "amount",
        "window": "5m",
    },
}


def made(template: str, folder: Path, **more: str):
    settings = {"dag_id": "mine"} | ASKED[template] | more
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return CliRunner().invoke(dataproc, ["dag", "--template", template, *words, "-o", str(folder)])


def call(file: Path) -> tuple[str, dict[str, object]]:
    """The function that a DAG file calls, and what with."""
    (assigned,) = (node for node in ast.parse(file.read_text()).body if isinstance(node, ast.Assign))
    assert isinstance(assigned.value, ast.Call)
    assert isinstance(assigned.value.func, ast.Name)
    return assigned.value.func.id, {str(k.arg): ast.literal_eval(k.value) for k in assigned.value.keywords}


def taken(function: str) -> set[str]:
    """What a function of the operators takes, its common arguments too."""
    trees = [ast.parse((OPERATORS / name).read_text()) for name in ("dags.py", "patterns.py")]
    (found,) = (n for t in trees for n in t.body if isinstance(n, ast.FunctionDef) and n.name == function)
    return {a.arg for a in (*found.args.args, *found.args.kwonlyargs)} | {"owner", "retries", "retry_delay", "timeout"}


@pytest.mark.parametrize("template", ASKED)
def test_a_template_is_a_call_that_its_function_takes_and_needs_no_formatter(template, tmp_path):
    done = made(template, tmp_path)
    assert done.exit_code == 0, done.stderr
    file = Path(done.stdout.strip())
    function, given = call(file)
    assert given.keys() <= taken(function)
    assert given["dag_id"] == "mine"
    ruff = [Path(sys.executable).with_name("ruff"), "format", "--check", "--line-length", "120", str(file)]
    assert subprocess.run(ruff, capture_output=True, check=False).returncode == 0, file.read_text()
    assert (tmp_path / "dask_dataproc" / "pipelines" / "operators" / "patterns.py").exists(), "it is beside the DAG"


def test_what_is_set_is_what_the_function_gets(tmp_path):
    _, given = call(Path(made("ml-training", tmp_path).stdout.strip()))
    assert given["model_config"]["use_gpu"] is True
    assert given["model_config"]["quality_thresholds"] == {"auc": 0.8}
    _, given = call(Path(made("real-time", tmp_path).stdout.strip()))
    assert (given["window"], given["run_for"], given["schedule_interval"]) == ("300s", "3300s", "@hourly")
    assert "idle" not in given
    _, given = call(Path(made("real-time", tmp_path, lateness="0s").stdout.strip()))
    assert given["lateness"] == "0s"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"machine": "n2"}, "'machine': no such setting of the template etl"),
        ({"schedule": "daily"}, "schedule: 'daily' given, allowed is a cron expression"),
        ({"schedule": "99 * * * *"}, "schedule: '99 * * * *' given, allowed is a cron expression"),
        ({"schedule": "0 6 31 2 *"}, "schedule: '0 6 31 2 *' given, allowed is a cron expression"),
        ({"quality_rules": '{"rowz": {"min": 1}}'}, "quality_rules: 'rowz': no such rule, the nearest is rows"),
        ({"quality_rules": '{"rows": {"min": -1}}'}, "quality_rules: rows.min: -1 given"),
        ({"notify": "me"}, "notify: 'me' given, allowed is"),
        ({"estimated_data_size": "much"}, "estimated_data_size: 'much' given, allowed is a number"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(more, said, tmp_path):
    done = made("etl", tmp_path, **more)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_page_names_every_setting(name):
    page = (OPERATORS.parent.parent / "docs" / "templates.md").read_text()
    common = {"dag_id", "schedule", "owner", "cluster", "notify"}
    (of_it,) = (part for part in page.split("\n\n") if part.startswith(f"**{name}**: "))
    settings = set(inspect.signature(template(name)).parameters) - common
    assert settings <= set(re.findall(r"`(\w+)`", of_it))

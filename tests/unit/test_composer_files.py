"""An environment's file, its comparison and the workflow, without any Airflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from dask_dataproc.clusters.errors import ConfigError
from dask_dataproc.magics.cli import dataproc
from dask_dataproc.pipelines.composer.environment import OPEN, Environment, Item, Secret, read_environment
from dask_dataproc.pipelines.composer.overrides import RENAMED, config_command, differing, for_version
from dask_dataproc.pipelines.composer.plan import change_of, described


def written(folder: Path) -> str:
    made = CliRunner().invoke(dataproc, ["composer", "init", str(folder)])
    assert made.exit_code == 0, made.output
    return (folder / "environment.yaml").read_text()


def test_init_writes_the_variables_pool_connection_and_overrides_of_the_platform(tmp_path):
    document = yaml.safe_load(written(tmp_path).replace(OPEN, "known"))
    environment = read_environment(document)
    names = {item.name for item in environment.items if item.kind == "variable"}
    assert names == {
        "gcp_project_id",
        "gcp_region",
        "dataproc_staging_bucket",
        "subnetwork_services_uri",
        "dataproc_runtime_sa_email",
        "dataproc_kms_key",
        "filestore_ip_address",
        "git_repository_url",
    }
    (pool,) = (item for item in environment.items if item.kind == "pool")
    assert (pool.name, pool.fields["slots"]) == ("dataproc_jobs", 10)
    assert "google_cloud_default" in {item.name for item in environment.items}
    assert environment.config["core.parallelism"] == "64"


def test_init_writes_over_nothing(tmp_path):
    before = written(tmp_path)
    again = CliRunner().invoke(dataproc, ["composer", "init", str(tmp_path)])
    assert again.exit_code == 1
    assert "is there already" in again.output
    assert (tmp_path / "environment.yaml").read_text() == before


def test_what_only_its_owner_knows_is_asked_for_before_any_call(tmp_path):
    written(tmp_path)
    planned = CliRunner().invoke(dataproc, ["composer", "plan", str(tmp_path), "--url", "https://nowhere.invalid"])
    assert planned.exit_code == 1
    assert "CHANGE-ME given" in planned.output


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ([], "the file: [] given, allowed is a mapping of names"),
        ({"variable": {}}, "variable: no such field, there are environment, variables, pools"),
        ({"environment": {"zone": "a"}}, "environment.zone: no such field"),
        ({"variables": {"a b": "1"}}, "variables.a b: 'a b' given, allowed is a name"),
        ({"variables": {"db_password": "geheim"}}, "variables.db_password: a secret is given as it is"),
        ({"variables": {"x": {"env": "A B"}}}, "variables.x.env: 'A B' given"),
        ({"variables": {"x": {"secret": "mine"}}}, "variables.x.secret: 'mine' given"),
        ({"pools": {"p": {"slots": "ten"}}}, "pools.p.slots: 'ten' given, allowed is a whole number"),
        ({"pools": {"p": {}}}, "pools.p.slots: None given"),
        ({"pools": {"p": {"slots": 1, "size": 2}}}, "pools.p.size: no such field"),
        ({"connections": {"c": {"login": "me"}}}, "connections.c.conn_type: None given"),
        (
            {"connections": {"c": {"conn_type": "http", "password": "geheim"}}},
            "connections.c.password: a secret is given",
        ),
        (
            {"connections": {"c": {"conn_type": "http", "extra": {"api_key": "geheim"}}}},
            "extra.api_key: a secret is given",
        ),
        ({"connections": {"c": {"conn_type": "http", "port": "80"}}}, "connections.c.port: '80' given"),
        ({"config": {"parallelism": 64}}, "config.parallelism: 'parallelism' given, allowed is section.option"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed_and_no_secret_is_repeated(document, line):
    with pytest.raises(ConfigError) as refused:
        read_environment(document)
    assert line in refused.value.message
    assert "geheim" not in refused.value.lines()


def test_either_name_of_a_renamed_override_is_understood_and_a_dead_one_refused():
    for old, new in RENAMED.items():
        assert for_version({new: "1"}, 2) == for_version({old: "1"}, 2) == {old: "1"}
        assert for_version({new: "1"}, 3) == for_version({old: "1"}, 3) == {new: "1"}
        with pytest.raises(ConfigError, match="given twice"):
            for_version({old: "1", new: "2"}, 3)
    with pytest.raises(ConfigError, match=r"scheduler\.max_threads: has no effect"):
        for_version({"scheduler.max_threads": "4"}, 2)


def test_an_override_that_means_the_same_does_not_differ():
    found = {"core.a": "True", "core.b": "30.0", "core.c": "x"}
    assert differing({"core.a": "true", "core.b": "30", "core.c": "y", "core.d": "1"}, found) == {
        "core.c": ("x", "y"),
        "core.d": (None, "1"),
    }


def test_the_command_quotes_what_a_shell_would_split():
    command = config_command(Environment(name="prod", location="us"), {"celery.a": "8,2", "core.b": "x y"})
    assert command == (
        "gcloud composer environments update prod --location us --update-airflow-configs='^|^celery-a=8,2|core-b=x y'"
    )


def test_a_secret_is_in_no_text_of_a_change():
    secret = Secret("env", "TOKEN", "geheim")
    item = Item("connection", "c", {"conn_type": "http", "password": secret, "extra": {"api_key": secret}})
    change = change_of(item, None)
    assert "geheim" not in repr(change) + repr(item) + "\n".join(described(change))


def test_an_extra_with_a_masked_secret_that_the_file_does_not_name_is_not_lost():
    item = Item("connection", "c", {"conn_type": "http", "extra": {"project": "new"}})
    found = {"conn_type": "http", "extra": json.dumps({"project": "old", "token": "***"})}
    with pytest.raises(ConfigError, match=r"connections\.c\.extra\.token: is masked by Airflow"):
        change_of(item, found)


def test_a_version_that_is_none_is_refused(tmp_path):
    refused = CliRunner().invoke(dataproc, ["composer", "workflow", str(tmp_path), "--airflow", "2; rm -rf"])
    assert refused.exit_code == 2
    assert "airflow: '2; rm -rf' given" in refused.output

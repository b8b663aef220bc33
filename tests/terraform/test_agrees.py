"""One fact in one place: the figures of infra/terraform are those of the package."""

import json
import re

import pytest
import yaml
from terraform_tree import CLUSTERS, ROOT, outputs, resources

from dask_dataproc.clusters import autoscaling, budget, permissions, quotas
from dask_dataproc.clusters.footprint import memory_of
from dask_dataproc.clusters.machines import GIB
from dask_dataproc.clusters.spec import FIELDS, ClusterSpec
from dask_dataproc.pipelines.composer.overrides import for_version

COMPOSER = {
    "project": "my-project-1",
    "project_number": "123456789012",
    "region": "us-central1",
    "network": "vpc",
    "subnetwork": "subnet-services",
    "secondary_ranges": {"pods": "a", "services": "b"},
    "web_ranges": ["203.0.113.0/24"],
    "service_account": "sa-composer@my-project-1.iam.gserviceaccount.com",
    "service_account_name": "projects/my-project-1/serviceAccounts/sa-composer",
    "kms_key": CLUSTERS["kms_key"],
    "bucket": "my-project-1-dask-composer",
}


def test_the_bounds_are_those_of_the_most_generous_class_that_has_any(dataproc):
    batch = quotas.CLASSES["batch"]
    assert dataproc["limits"] == {name: getattr(batch, name) for name in dataproc["limits"]}
    bounded = [limits for limits in quotas.CLASSES.values() if limits.workers]
    assert all(getattr(batch, name) >= getattr(each, name) for each in bounded for name in dataproc["limits"])


def test_a_machine_types_memory_is_that_of_its_dask_workers(tree):
    plan = tree.plan("modules/dataproc", CLUSTERS)
    given = plan["configuration"]["root_module"]["variables"]["machine_types"]["default"]
    assert given == {name: memory_of(name) // GIB for name in given}


BOUNDS = [(2, 2, 1), (2, 3, 2), (2, 3, 5), (2, 10, 5), (4, 30, 0)]
"""Fewest and most primary workers, most secondary ones."""


@pytest.fixture(scope="module")
def policies(tree) -> dict[str, dict]:
    """Policies of these bounds as Terraform makes them, by their ids."""
    names = ("min_workers", "max_workers", "max_secondary")
    asked = [dict(zip(names, bounds, strict=True)) for bounds in BOUNDS]
    plan = tree.plan("modules/dataproc", CLUSTERS | {"autoscaling": asked, "limits": {}})
    return {each["policy_id"]: each for each in resources(plan, "google_dataproc_autoscaling_policy").values()}


@pytest.mark.parametrize("bounds", BOUNDS)
def test_the_autoscaling_policies_are_those_that_dask_dataproc_makes(policies, bounds):
    low, high, secondary = bounds
    size = {"min_workers": low, "max_workers": high, "max_secondary": secondary}
    wanted = autoscaling.policy_of(ClusterSpec(name="x", runtime="yarn", autoscaling=True, **size))
    made = policies[wanted["id"]]
    yarn = wanted["basic_algorithm"]["yarn_config"]
    seconds = yarn.pop("graceful_decommission_timeout")["seconds"]
    algorithm = made["basic_algorithm"][0]
    assert algorithm["cooldown_period"] == f"{wanted['basic_algorithm']['cooldown_period']['seconds']}s"
    assert algorithm["yarn_config"] == [yarn | {"graceful_decommission_timeout": f"{seconds}s"}]
    assert made["worker_config"] == [wanted["worker_config"]]
    assert made["secondary_worker_config"] == [wanted["secondary_worker_config"]]


@pytest.mark.parametrize(
    ("image", "major"),
    [("composer-2.13.1-airflow-2.10.5", 2), ("composer-3-airflow-2", 2), ("composer-3-airflow-3.1.0-build.2", 3)],
)
def test_composers_settings_are_those_of_the_environments_file(tree, image, major):
    made = outputs(tree.plan("modules/composer", COMPOSER | {"image_version": image}))["overrides"]
    written = yaml.safe_load((ROOT / "pipelines/composer/files/environment.yaml").read_text())["config"]
    wanted = for_version({name: json.dumps(value) for name, value in written.items()}, major)
    assert made == {name.replace(".", "-", 1): value for name, value in wanted.items()}


def test_the_page_says_every_law(dataproc):
    page = (ROOT / "docs/infrastructure.md").read_text()
    assert set(re.findall(r"`dask([A-Z]\w+)`", page)) == set(dataproc["constraints"])


def test_budgets_warn_at_the_levels_of_the_ledger(tree):
    given = {"billing_account": "AAAAAA-BBBBBB-CCCCCC", "project_number": "1", "amount": 100, "channels": []}
    thresholds = outputs(tree.plan("modules/budgets", given))["thresholds"]
    assert thresholds == sorted(share for share, _ in budget.LEVELS)


def test_what_a_role_may_do_is_what_the_tool_says(tree):
    matrix = outputs(tree.plan("modules/service_accounts", {"project": "my-project-1"}))["matrix"]
    acts = {permissions.COMPOSER, permissions.SUBMIT, permissions.DASHBOARD, permissions.CREATE}
    said = {role: {act for act in acts if permissions.may(role, act)} for role in permissions.ROLES}
    assert {role: set(may) & acts for role, may in matrix.items()} == said


def test_who_makes_clusters_has_the_permissions_that_their_life_asks_for(dev):
    needs = json.loads((ROOT / "clusters/data/permissions.json").read_text())["user"]["permissions"]
    roles = resources(dev, "google_project_iam_custom_role")
    made = set(roles["module.service_accounts.google_project_iam_custom_role.clusters"]["permissions"])
    assert made == {need["permission"] for need in needs if need["on"] == "the project"}


def test_every_rule_of_the_firewall_is_one_of_the_packages_table(dev):
    table = json.loads((ROOT / "clusters/data/firewall.json").read_text())
    named = {rule["name"]: rule for rule in table["rules"]}
    own = {"dask-nodes-egress", "dask-nothing-else"}
    for rule in resources(dev, "google_compute_firewall").values():
        assert rule["target_tags"] == [table["tag"]]
        if rule["name"] not in own:
            assert named[rule["name"]]["direction"].upper() == rule["direction"]
            ports = [f"{each['protocol']}:{port}" for each in rule["allow"] for port in each["ports"] or []]
            ports += [each["protocol"] for each in rule["allow"] if not each["ports"]]
            assert sorted(ports) == sorted(named[rule["name"]]["allow"])


def test_every_field_of_the_printed_config_is_one_that_we_read(printed):
    defaults = yaml.safe_load((ROOT / "clusters/dataproc.yaml").read_text())["dataproc"]
    known = set(defaults) | {name.replace("_", "-") for name in FIELDS}
    assert set(printed) == {"dataproc"}
    assert set(printed["dataproc"]) <= known
    assert set(printed["dataproc"]["budgets"]) <= set(defaults["budgets"])
    assert set(printed["dataproc"]["quotas"]) <= set(defaults["quotas"])

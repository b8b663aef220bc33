"""What the environment dev would make: private, encrypted, and with the least rights. Every resource is looked at."""

import ipaddress
import json

import yaml
from terraform_tree import resources

from dask_dataproc.pipelines.composer.workflow import WORKFLOW, workflow_text

PUBLIC = {"allUsers", "allAuthenticatedUsers"}
PRIMITIVE = {"roles/owner", "roles/editor", "roles/viewer"}


def test_nothing_has_a_public_address(dev):
    kinds = {each["type"] for each in dev["resource_changes"]}
    assert not {"google_compute_address", "google_compute_global_address", "google_compute_instance"} & kinds
    (composer,) = resources(dev, "google_composer_environment").values()
    assert composer["config"][0]["enable_private_environment"] is True
    (law,) = [v for a, v in resources(dev, "google_org_policy_custom_constraint").items() if '"Private"' in a]
    assert "internalIpOnly == true" in law["condition"]


def test_no_way_in_is_open_to_the_world(dev):
    rules = resources(dev, "google_compute_firewall")
    ways_in = {name: rule for name, rule in rules.items() if rule["direction"] == "INGRESS"}
    assert ways_in
    for name, rule in ways_in.items():
        ranges = [ipaddress.ip_network(each) for each in rule["source_ranges"] or []]
        assert all(each.is_private for each in ranges), name
        assert ranges or rule["source_tags"], name


def test_the_schedulers_and_the_dashboards_ports_are_open_to_kernels_and_composer_alone(dev):
    rules = resources(dev, "google_compute_firewall").values()
    ports = {}
    for rule in rules:
        if rule["direction"] == "INGRESS":
            for allowed in rule["allow"]:
                for port in allowed["ports"] or ["all"]:
                    ports.setdefault(f"{allowed['protocol']}:{port}", []).append(rule["name"])
    assert ports["tcp:8786"] == ports["tcp:8787"] == ["dask-clients"]
    assert {name for names in ports.values() for name in names} == {"dask-clients", "dask-nodes"}


def test_whatever_is_stored_is_encrypted_with_our_key(dev):
    buckets = resources(dev, "google_storage_bucket")
    assert len(buckets) == 2
    after = {each["address"]: each["change"]["after_unknown"] for each in dev["resource_changes"]}
    for address in buckets:
        assert after[address]["encryption"][0] == {"default_kms_key_name": True}, address
    (composer,) = resources(dev, "google_composer_environment")
    assert after[composer]["config"][0]["encryption_config"][0] == {"kms_key_name": True}
    (logs,) = resources(dev, "google_logging_project_bucket_config")
    assert after[logs]["cmek_settings"][0]["kms_key_name"] is True


def test_nothing_is_anybodys_and_no_role_is_primitive(dev):
    grants = {a: v for a, v in resources(dev).items() if "_iam_" in a and "role" in v}
    assert len(grants) > 30
    assert not {a for a, v in grants.items() if v.get("member") in PUBLIC or v["role"] in PRIMITIVE}


def test_nobody_has_a_key_of_an_account(dev):
    assert not resources(dev, "google_service_account_key")


def test_what_belongs_to_one_cluster_is_deleted_after_a_week(dev):
    staging = resources(dev, "google_storage_bucket")["module.storage.google_storage_bucket.staging"]
    rule = staging["lifecycle_rule"][0]
    assert rule["action"][0]["type"] == "Delete"
    assert rule["condition"][0]["age"] == 7
    assert "dask/clusters/" in rule["condition"][0]["matches_prefix"]


def test_no_secret_stands_in_a_variable(dev):
    said = json.dumps(dev["variables"])
    assert not [word for word in ("password", "token", "private_key", "BEGIN") if word in said]


def test_the_alerts_and_dashboards_are_those_of_the_repository(tree, dev):
    folder = tree.root / "infra" / "monitoring"
    assert len(resources(dev, "google_monitoring_alert_policy")) == len(list(folder.glob("policies/*.json")))
    assert len(resources(dev, "google_monitoring_dashboard")) == len(list(folder.glob("dashboards/*.json")))


def test_the_workflow_signs_in_from_the_environment_it_runs_in(tree, dev):
    template = (tree.root / "pipelines" / "composer" / "files" / WORKFLOW).read_text()
    environment = yaml.safe_load(workflow_text(template, "1.0"))["jobs"]["sync"]["environment"]
    (provider,) = resources(dev, "google_iam_workload_identity_pool_provider").values()
    assert f":environment:{environment}'" in provider["attribute_condition"]

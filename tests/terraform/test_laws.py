"""The constraints let pass what our client makes and refuse each thing that breaks them, by Google's own CEL."""

from __future__ import annotations

import copy
from typing import Any

import dask
import pytest
from google.cloud import dataproc_v1
from google.protobuf import json_format
from terraform_tree import CLUSTERS, outputs, refused

from dask_dataproc.clusters import config, quotas
from dask_dataproc.clusters.lease import EXPIRY
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.pipelines.operators.plan import cluster_spec

GIVEN = {
    "name": "dask-ana-1",
    "project": CLUSTERS["project"],
    "staging": "gs://my-project-1-dask-staging/dask",
    "subnetwork": CLUSTERS["subnetwork"],
    "service_account": CLUSTERS["service_account"],
    "kms_key": CLUSTERS["kms_key"],
    "labels": {"owner": "ana"},
}


def message(spec: ClusterSpec) -> dict[str, Any]:
    """Return the cluster that our client sends for ``spec``, as Dataproc's API has it in JSON."""
    return json_format.MessageToDict(dataproc_v1.Cluster.pb(dataproc_v1.Cluster(spec.to_dataproc())))


def made(**fields: Any) -> dict[str, Any]:
    return message(ClusterSpec.from_dict(GIVEN | fields))


def changed(cluster: dict[str, Any], path: str, value: Any = None) -> dict[str, Any]:
    """Return ``cluster`` with ``value`` at ``path``, or nothing there."""
    found = copy.deepcopy(cluster)
    *way, last = path.split(".")
    inner = found
    for step in way:
        inner = inner.setdefault(step, {})
    if value is None:
        inner.pop(last, None)
    else:
        inner[last] = value
    return found


BATCH = {"lifetime": 86400, "worker_disk_gb": 500, "master_disk_gb": 500}
ALLOWED = {
    "the default": made(),
    "a single node": made(workers=0),
    "the most that batch has": made(workers=3, secondary_workers=5, secondary_type="spot", **BATCH),
    "three large machines": made(workers=3, worker_machine="n2-highmem-4"),
    "one of the largest": made(workers=0, master_machine="n2-highmem-8"),
    "a machine type by its URL": changed(
        made(), "config.workerConfig.machineTypeUri", "projects/p/zones/us-central1-b/machineTypes/n2-standard-4"
    ),
    "a subnet by its URL": made(subnetwork="projects/my-project-1/regions/us-central1/subnetworks/subnet-dataproc"),
    "on YARN": made(runtime="yarn"),
    "with a policy": made(runtime="yarn", autoscaling=True, min_workers=2, max_workers=3, max_secondary=5),
}
BROKEN = {
    "public addresses": (made(internal_ip_only=False), ["Private"]),
    "addresses left open": (changed(made(), "config.gceClusterConfig.internalIpOnly"), ["Private"]),
    "another subnet": (made(subnetwork="default"), ["Network"]),
    "a subnet of a like name": (made(subnetwork="my-subnet-dataproc"), ["Network"]),
    "a network": (made(subnetwork="", network="default"), ["Network"]),
    "another tag": (made(tags=("http-server",)), ["Network"]),
    "a tag besides": (made(tags=("dataproc-cluster", "http-server")), ["Network"]),
    "the default account": (made(service_account=""), ["Account"]),
    "another account": (made(service_account="me@my-project-1.iam.gserviceaccount.com"), ["Account"]),
    "no key": (made(kms_key=""), ["Encrypted"]),
    "another key": (made(kms_key=CLUSTERS["kms_key"] + "2"), ["Encrypted"]),
    "no end": (changed(made(), "config.lifecycleConfig"), ["Lease"]),
    "an end when idle alone": (changed(made(), "config.lifecycleConfig", {"idleDeleteTtl": "3600s"}), ["Lease"]),
    "an end at a time": (
        changed(made(), "config.lifecycleConfig", {"autoDeleteTime": "2030-01-01T00:00:00Z"}),
        ["Lease"],
    ),
    "a second too long": (made(lifetime=86401), ["Lease"]),
    "nobody's": (made(labels={}), ["Labelled"]),
    "an empty owner": (made(labels={"owner": ""}), ["Labelled"]),
    "not ours": (changed(made(), "labels", {"owner": "ana", "lifecycle": "ephemeral"}), ["Labelled"]),
    "a worker too many": (made(workers=9), ["Memory", "Workers"]),
    "a spot worker too many": (made(workers=2, secondary_workers=7), ["Memory", "Workers"]),
    "two too large": (made(workers=2, worker_machine="n2-highmem-8"), ["Memory"]),
    "four too large": (made(workers=4, worker_machine="n2-highmem-4"), ["Memory"]),
    "machines of an unknown size": (made(worker_machine="m3-ultramem-32"), ["Machines", "Memory"]),
    "a master of an unknown size": (made(workers=0, master_machine="n2-highmem-80"), ["Machines"]),
    "no machine type": (changed(made(), "config.workerConfig.machineTypeUri"), ["Machines"]),
    "spot machines of another type": (
        changed(made(), "config.secondaryWorkerConfig.machineTypeUri", "n2-highmem-80"),
        ["Machines"],
    ),
    "spot machines of any type": (
        changed(
            made(),
            "config.secondaryWorkerConfig.instanceFlexibilityPolicy",
            {"instanceSelectionList": [{"machineTypes": ["n2-highmem-80"]}]},
        ),
        ["Machines"],
    ),
    "driver nodes besides": (
        changed(made(), "config.auxiliaryNodeGroups", [{"nodeGroup": {"roles": ["DRIVER"]}}]),
        ["Machines"],
    ),
    "a disk too large": (made(worker_disk_gb=501), ["Disks"]),
    "a master's disk too large": (made(master_disk_gb=501), ["Disks"]),
    "a disk left to Dataproc": (changed(made(), "config.workerConfig.diskConfig"), ["Disks"]),
    "another policy": (made(runtime="yarn", autoscaling=True), ["Autoscaling"]),
    "somebody's policy": (
        changed(made(), "config.autoscalingConfig", {"policyUri": "projects/p/regions/r/autoscalingPolicies/mine"}),
        ["Autoscaling"],
    ),
    "an empty request": ({"clusterName": "x", "config": {}}, None),
}


@pytest.fixture(scope="module")
def verdicts(dataproc) -> dict[str, list[str]]:
    """Which constraints refuse each cluster of the tables above, at its creation."""
    cases = ALLOWED | {case: cluster for case, (cluster, _) in BROKEN.items()}
    clusters = {case: {"method": "CREATE", "cluster": cluster} for case, cluster in cases.items()}
    return refused(dataproc["constraints"], clusters)


@pytest.mark.parametrize("case", ALLOWED)
def test_what_our_client_makes_within_the_bounds_passes(verdicts, case):
    assert verdicts[case] == []


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_a_law_is_refused_by_it_alone(verdicts, case):
    _, laws = BROKEN[case]
    if laws is None:
        assert len(verdicts[case]) >= 8
    else:
        assert sorted(verdicts[case]) == laws


def test_every_law_refuses_something(dataproc, verdicts):
    of_creation = {name for name, law in dataproc["constraints"].items() if "CREATE" in law["methods"]}
    assert {law for laws in verdicts.values() for law in laws} == of_creation


def test_a_cluster_as_it_lives_may_be_renewed_and_resized_within_the_bounds(dataproc):
    living = changed(made(), "config.lifecycleConfig", {"autoDeleteTime": "2030-01-01T00:00:00Z"})
    assert EXPIRY == "config.lifecycle_config.auto_delete_time"
    cases = {
        "renewed": living,
        "resized": changed(living, "config.secondaryWorkerConfig.numInstances", 5),
        "with what Dataproc fills in": changed(living, "config.secondaryWorkerConfig.machineTypeUri", "n2-standard-4"),
        "too large": changed(living, "config.secondaryWorkerConfig.numInstances", 7),
        "without an end": changed(living, "config.lifecycleConfig"),
        "without its owner": changed(living, "labels.owner"),
    }
    updates = {case: {"method": "UPDATE", "cluster": cluster} for case, cluster in cases.items()}
    assert refused(dataproc["constraints"], updates) == {
        "renewed": [],
        "resized": [],
        "with what Dataproc fills in": [],
        "too large": ["Memory", "Workers"],
        "without an end": ["LeaseKept"],
        "without its owner": ["Labelled"],
    }


def test_who_uses_the_printed_config_keeps_the_laws(dataproc, printed):
    with dask.config.set(printed):
        spec = config.resolve(name="dask-ana-1")
    assert spec.project == "my-project-1"
    account = CLUSTERS["service_account"]
    asked = {"config": {"method": "CREATE", "cluster": message(spec.replace(service_account=account))}}
    assert refused(dataproc["constraints"], asked) == {"config": []}
    assert spec.lifetime == quotas.CLASSES["standard"].duration


def test_an_airflow_operators_cluster_keeps_them_with_the_variables_alone(dataproc):
    place = {name: GIVEN[name] for name in ("project", "staging", "subnetwork", "service_account", "kms_key")}
    cases = {"all": place, "no dataproc_kms_key": place | {"kms_key": ""}}
    specs = {
        case: cluster_spec({"workload_type": "medium_etl"}, "etl-1", known, takes=7200, owner="Data Team")
        for case, known in cases.items()
    }
    clusters = {case: {"method": "CREATE", "cluster": message(each)} for case, each in specs.items()}
    assert refused(dataproc["constraints"], clusters) == {"all": [], "no dataproc_kms_key": ["Encrypted"]}


def test_a_class_of_less_is_a_law_of_less(tree):
    standard = quotas.CLASSES["standard"]
    limits = {name: getattr(standard, name) for name in ("workers", "memory_gb", "duration", "disk_gb")}
    policy = {"min_workers": 2, "max_workers": 2, "max_secondary": 1}
    asked = CLUSTERS | {"limits": limits, "autoscaling": [policy]}
    constraints = outputs(tree.plan("modules/dataproc", asked))["constraints"]
    within = made(workers=3, lifetime=standard.duration)
    beyond = made(workers=4, lifetime=standard.duration + 1, worker_disk_gb=101)
    clusters = {case: {"method": "CREATE", "cluster": each} for case, each in (("in", within), ("out", beyond))}
    found = refused(constraints, clusters)
    assert found["in"] == []
    assert sorted(found["out"]) == ["Disks", "Lease", "Memory", "Workers"]

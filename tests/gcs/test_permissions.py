"""What a cluster's life asks Google for, call by call, needs just the permissions that the lists for people have."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import aiohttp
import fsspec
import fsspec.config
import grpc.aio
import pytest

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.service import Service
from dask_dataproc.clusters.sync import run
from dask_dataproc.init_actions.git_bootstrap import bootstrap

DATA = Path(__file__).parents[2] / "clusters" / "data"
LISTS = json.loads((DATA / "permissions.json").read_text())

RPCS = {
    "/google.cloud.dataproc.v1.ClusterController/CreateCluster": "dataproc.clusters.create",
    "/google.cloud.dataproc.v1.ClusterController/GetCluster": "dataproc.clusters.get",
    "/google.cloud.dataproc.v1.ClusterController/ListClusters": "dataproc.clusters.list",
    "/google.cloud.dataproc.v1.ClusterController/UpdateCluster": "dataproc.clusters.update",
    "/google.cloud.dataproc.v1.ClusterController/DeleteCluster": "dataproc.clusters.delete",
    "/google.cloud.dataproc.v1.ClusterController/StopCluster": "dataproc.clusters.stop",
    "/google.cloud.dataproc.v1.ClusterController/StartCluster": "dataproc.clusters.start",
    "/google.cloud.dataproc.v1.AutoscalingPolicyService/GetAutoscalingPolicy": "dataproc.autoscalingPolicies.get",
    "/google.cloud.dataproc.v1.AutoscalingPolicyService/CreateAutoscalingPolicy": "dataproc.autoscalingPolicies.create",
    "/google.longrunning.Operations/GetOperation": "dataproc.operations.get",
}
"""From https://cloud.google.com/dataproc/docs/concepts/iam/iam; a call that is not here fails the test."""
OBJECT, OBJECTS = r"(?:/download)?/storage/v1/b/[^/]+/o/.+", r"/storage/v1/b/[^/]+/o"
REQUESTS = {
    f"GET {OBJECT}": {"storage.objects.get"},
    f"HEAD {OBJECT}": {"storage.objects.get"},
    f"GET {OBJECTS}": {"storage.objects.list"},
    f"POST (?:/resumable)?/upload{OBJECTS}": {"storage.objects.create", "storage.objects.delete"},
    f"PUT (?:/resumable)?/upload{OBJECTS}.*": {"storage.objects.create", "storage.objects.delete"},
    f"DELETE {OBJECT}": {"storage.objects.delete"},
    "POST /batch/storage/v1": {"storage.objects.delete"},
}
"""From https://cloud.google.com/storage/docs/access-control/iam-json; writing over an object is deleting it too."""


def listed(who: str) -> set[str]:
    """Return the permissions of ``who`` that its own calls need, without those that Dataproc asks for in its name."""
    return {entry["permission"] for entry in LISTS[who]["permissions"] if "asked_by" not in entry}


def needed(requests: Counter[str]) -> set[str]:
    """Return the permissions that requests of Cloud Storage need."""
    found = set()
    for request in requests:
        known = [permissions for pattern, permissions in REQUESTS.items() if re.fullmatch(pattern, request)]
        assert known, f"nobody has said what permission this needs: {request}"
        found |= set.union(*known)
    return found


class Recorder(grpc.aio.UnaryUnaryClientInterceptor):
    """Notes the name of each RPC and lets it through."""

    def __init__(self) -> None:
        self.rpcs: set[str] = set()

    async def intercept_unary_unary(self, continuation, client_call_details, request):
        method = client_call_details.method
        self.rpcs.add(method.decode() if isinstance(method, bytes) else method)
        return await continuation(client_call_details, request)


@pytest.fixture
def rpcs(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The RPCs that this process makes."""
    recorder, connect = Recorder(), grpc.aio.insecure_channel
    monkeypatch.setattr(grpc.aio, "insecure_channel", lambda target: connect(target, interceptors=[recorder]))
    return recorder.rpcs


@pytest.fixture
def requests(gcs: str, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The requests that this process makes of Cloud Storage, and how often."""
    seen: Counter[str] = Counter()

    async def note(_session, _context, started) -> None:
        seen[f"{started.method} {started.url.raw_path}"] += 1

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    monkeypatch.setitem(fsspec.config.conf, "gs", {"session_kwargs": {"trace_configs": [trace]}})
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    yield seen
    fsspec.get_filesystem_class("gs").clear_instance_cache()


def served(log: Path, begin: int) -> Counter[str]:
    """Return the requests that the server has noted in ``log`` behind ``begin``."""
    lines = re.findall(r'\\"([A-Z]+) (\S+) HTTP', log.read_text()[begin:])
    return Counter(f"{method} {target.partition('?')[0]}" for method, target in lines)


def test_a_life_needs_just_what_the_lists_say(rpcs, requests, gcs, gcs_log, new_laptop):
    begin = len(gcs_log.read_text())
    with new_laptop().here():
        live(f"{gcs}/dask")
    users = requests
    nodes = served(gcs_log, begin) - users
    assert {RPCS[rpc] for rpc in rpcs} | needed(users) == listed("user")
    assert needed(nodes) | {"secretmanager.versions.access"} <= listed("nodes")


def live(staging: str) -> None:
    """Be born, found, resized, stopped, started and gone."""
    wanted = {"n_workers": 2, "project": "local", "staging": staging, "autoscaling": True}
    with DataprocCluster(**wanted) as cluster:
        with cluster.get_client() as client:
            assert client.submit(sum, [1, 2]).result() == 3
        run(found(cluster))
        cluster.scale(3)
        cluster.stop()
    with DataprocCluster(**wanted) as again:
        assert again.record.uuid == cluster.record.uuid


async def found(cluster: DataprocCluster) -> None:
    async with Service("local", cluster.spec.region) as service:
        assert cluster.name in [record.name for record in await service.list()]


def test_what_a_node_writes_about_its_repository_needs_no_more(requests, gcs, tmp_path):
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org"]
    for command in (["init", "--quiet"], [*who, "commit", "--quiet", "--allow-empty", "--message=one"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    cluster = {"dask-staging": f"{gcs}/dask", "dataproc-cluster-uuid": "0b9e5a54"}
    bootstrap(cluster | {"dask-git-repository": f"file://{tmp_path}"}, tmp_path)
    assert needed(requests) <= listed("nodes")
    assert "storage.objects.create" in needed(requests)


@pytest.mark.parametrize("who", ["user", "nodes"])
def test_the_page_for_administrators_has_every_permission_and_role(who):
    page = (DATA.parents[1] / "docs" / "cloud.md").read_text()
    names = [entry["permission"] for entry in LISTS[who]["permissions"]]
    names += [entry["role"] for entry in LISTS[who]["roles"]]
    assert not [name for name in names if f"`{name}`" not in page]


def test_the_page_for_administrators_has_every_rule_of_the_firewall():
    page = (DATA.parents[1] / "docs" / "cloud.md").read_text()
    firewall = json.loads((DATA / "firewall.json").read_text())
    for rule in firewall["rules"]:
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{rule['name']}` ")]
        assert all(f"`{port}`" in line for port in rule["allow"])
    assert f"`{firewall['tag']}`" in page

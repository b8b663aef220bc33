"""Autoscaling policies act on running clusters, on a clock on which ten minutes pass in a second."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
from distributed import Client, Event, Security

PARENT = "projects/test-project/regions/us-central1"
YARN = {"scale_up_factor": 1.0, "scale_down_factor": 1.0, "graceful_decommission_timeout": {"seconds": 10}}


@pytest.fixture(scope="module")
def fast(module_dataproc):
    return module_dataproc("--clock-scale", "600")


@pytest.fixture(scope="module")
def policy(fast) -> str:
    given = {
        "id": f"p-{uuid.uuid4().hex[:8]}",
        "basic_algorithm": {"yarn_config": YARN, "cooldown_period": {"seconds": 120}},
        "worker_config": {"max_instances": 3},
        "secondary_worker_config": {"max_instances": 2},
    }
    return fast.policies.create_autoscaling_policy(parent=PARENT, policy=given).name


@pytest.fixture
def cluster(fast, policy) -> Iterator[str]:
    config = {"worker_config": {"num_instances": 2}, "autoscaling_config": {"policy_uri": policy}}
    name = fast.create(fast.definition(**config)).cluster_name
    yield name
    fast.delete(name)


def client_of(dataproc, name: str) -> Client:
    path = dataproc.folder / "staging" / "clusters" / dataproc.get(name).cluster_uuid / "connection.json"
    found = json.loads(path.read_text())
    certificate, key = found["certificate"], found["key"]
    security = Security(
        tls_ca_file=certificate, tls_client_cert=certificate, tls_client_key=key, require_encryption=True
    )
    return Client(found["scheduler"], security=security)


def sizes(dataproc, name: str) -> tuple[int, int]:
    config = dataproc.get(name).config
    return config.worker_config.num_instances, config.secondary_worker_config.num_instances


def test_pending_work_grows_a_cluster_to_the_policys_bounds_and_its_end_shrinks_it(fast, cluster, until):
    with client_of(fast, cluster) as client:
        release = Event("release", client=client)
        blocked = client.map(lambda i: (Event("release").wait("60s"), i)[1], range(60), pure=False)
        until(lambda: sizes(fast, cluster) == (3, 2))
        release.set()
        assert client.gather(blocked) == list(range(60))
        until(lambda: sizes(fast, cluster) == (2, 0))
        assert client.submit(sum, [1, 2]).result() == 3
    assert set(fast.processes(cluster)) >= {f"{cluster}-m", f"{cluster}-w-0", f"{cluster}-w-1"}


def test_a_cluster_outside_the_bounds_of_its_policy_comes_into_them(fast, policy, until):
    config = {"worker_config": {"num_instances": 4}, "autoscaling_config": {"policy_uri": policy}}
    name = fast.create(fast.definition(**config)).cluster_name
    until(lambda: sizes(fast, name)[0] <= 3)
    fast.delete(name)

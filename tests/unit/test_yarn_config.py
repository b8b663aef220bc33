"""A cluster of runtime yarn: one container fills a machine and leaves room for the application's master."""

import pytest

from dask_dataproc import ClusterSpec, SpecError
from dask_dataproc.clusters.config import resolve
from dask_dataproc.clusters.machines import PREDEFINED
from dask_dataproc.clusters.yarn_config import LEAST, container_size
from dask_dataproc.init_actions.queues import MASTER

PREFIX = "yarn:yarn.nodemanager.resource."


def config(**fields) -> dict:
    return ClusterSpec(name="c", project="p", staging="gs://b/dask", runtime="yarn", **fields).to_dataproc()["config"]


def test_the_container_of_a_16_gb_machine_is_that_of_adr_002():
    spec = ClusterSpec(worker_machine="n2-standard-4")
    assert container_size(spec) == (14336, 3)


@pytest.mark.parametrize("machine", [name for name, kind in PREDEFINED.items() if kind.memory >= LEAST])
def test_a_node_has_room_for_one_container_and_a_master_but_not_for_two_containers(machine):
    made = config(worker_machine=machine)
    memory = int(made["software_config"]["properties"][f"{PREFIX}memory-mb"])
    container = int(made["gce_cluster_config"]["metadata"]["dask-container-memory"])
    assert container + MASTER.memory <= memory
    assert memory < 2 * container
    assert memory <= PREDEFINED[machine].memory >> 20


def test_what_the_spec_says_of_yarn_wins():
    said = {f"{PREFIX}memory-mb": "4096"}
    assert said.items() <= config(properties=said)["software_config"]["properties"].items()


@pytest.mark.parametrize("machine", ["n4-standard-8", "n2-highcpu-2"])
def test_a_machine_of_unknown_size_or_too_small_is_refused_before_anything_is_made(machine):
    with pytest.raises(SpecError, match=f"worker_machine: {machine} given"):
        config(worker_machine=machine)


def test_local_processes_have_no_yarn():
    with pytest.raises(SpecError, match="runtime: 'yarn' given"):
        resolve(runtime="yarn", local=True)


def test_on_a_cluster_of_its_own_the_queue_may_have_all_and_the_others_keep_their_limits():
    said = config(queue="interactive", max_workers=6)["software_config"]["properties"]
    queue = "capacity-scheduler:yarn.scheduler.capacity.root.{}.{}"
    assert said[queue.format("interactive", "maximum-capacity")] == "100.0"
    assert float(said[queue.format("interactive", "user-limit-factor")]) * 30 == pytest.approx(100, abs=0.1)
    assert said[queue.format("batch", "maximum-capacity")] == "80.0"

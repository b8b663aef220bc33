"""A cluster of runtime yarn: one container fills a machine and leaves room for the application's master."""

import pytest

from dask_dataproc import ClusterSpec, SpecError
from dask_dataproc.clusters.config import resolve
from dask_dataproc.clusters.machines import PREDEFINED
from dask_dataproc.clusters.yarn_config import LEAST, MASTER_MIB, container_size

PREFIX = "yarn:yarn.nodemanager.resource."


def config(**fields) -> dict:
    return ClusterSpec(name="c", project="p", staging="gs://b/dask", runtime="yarn", **fields).to_dataproc()["config"]


def test_the_container_of_a_16_gb_machine_is_that_of_adr_002():
    spec = ClusterSpec(worker_machine="n2-standard-4")
    assert container_size(spec) == (3, 14336)


@pytest.mark.parametrize("machine", [name for name, kind in PREDEFINED.items() if kind.memory >= LEAST])
def test_a_node_has_room_for_one_container_and_a_master_but_not_for_two_containers(machine):
    made = config(worker_machine=machine)
    memory = int(made["software_config"]["properties"][f"{PREFIX}memory-mb"])
    container = int(made["gce_cluster_config"]["metadata"]["dask-container-memory"])
    assert container + MASTER_MIB <= memory
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

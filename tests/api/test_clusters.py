"""ClusterController, as the unmodified client sees it."""

from __future__ import annotations

import asyncio
import tarfile
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from google.api_core import exceptions
from google.api_core.future.polling import DEFAULT_POLLING
from google.cloud.dataproc_v1 import ClusterOperationMetadata, ClusterStatus
from google.rpc import error_details_pb2

State = ClusterStatus.State
POLLING = DEFAULT_POLLING.with_delay(initial=0.02, maximum=0.1, multiplier=1.3).with_timeout(60)


def states(cluster) -> list[str]:
    return [status.state.name for status in [*cluster.status_history, cluster.status]]


@pytest.fixture(scope="module")
def running(dataproc):
    """A cluster of two workers that tests look at and do not change."""
    return dataproc.create(dataproc.definition(labels={"team": "data"}))


def test_a_created_cluster_is_running_with_what_the_service_fills_in(running):
    config, name = running.config, running.cluster_name
    assert states(running) == ["CREATING", "RUNNING"]
    assert config.worker_config.num_instances == 2
    assert list(config.worker_config.instance_names) == [f"{name}-w-0", f"{name}-w-1"]
    assert list(config.master_config.instance_names) == [f"{name}-m"]
    assert config.software_config.image_version == "2.2-debian12"
    assert config.gce_cluster_config.zone_uri.endswith("/test-project/zones/us-central1-b")
    assert config.gce_cluster_config.network_uri.endswith("/global/networks/default")
    assert config.worker_config.machine_type_uri.endswith("/us-central1-b/machineTypes/n1-standard-4")
    assert running.labels["goog-dataproc-cluster-name"] == name
    assert running.labels["goog-dataproc-cluster-uuid"] == running.cluster_uuid == str(uuid.UUID(running.cluster_uuid))
    assert running.labels["team"] == "data"


def test_its_vms_are_processes_that_run(dataproc, running):
    name = running.cluster_name
    assert set(dataproc.processes(name)) == {f"{name}-m", f"{name}-w-0", f"{name}-w-1"}


def test_the_operation_tells_what_it_did_and_warns_once_of_smaller_machines(dataproc):
    definition = dataproc.single(master_config={"machine_type_uri": "n2-standard-128"})
    operation = dataproc.clusters.create_cluster(request={**dataproc.place, "cluster": definition})
    cluster = operation.result(polling=POLLING)
    metadata = operation.metadata
    assert isinstance(metadata, ClusterOperationMetadata)
    assert (metadata.cluster_name, metadata.cluster_uuid) == (cluster.cluster_name, cluster.cluster_uuid)
    assert metadata.operation_type == "CREATE"
    history = [status.inner_state for status in [*metadata.status_history, metadata.status]]
    assert history == ["PENDING", "RUNNING", "DONE"]
    assert "No image specified. Using the default image version 2.2-debian12." in metadata.warnings
    assert sum("n2-standard-128 gets" in warning for warning in metadata.warnings) == 1


def test_a_single_node_runs_head_and_worker_on_its_master(dataproc):
    cluster = dataproc.create(dataproc.single())
    assert cluster.config.worker_config.num_instances == 0
    assert list(dataproc.processes(cluster.cluster_name)) == [f"{cluster.cluster_name}-m"]


def test_a_request_sent_twice_makes_one_cluster(dataproc):
    request = {**dataproc.place, "cluster": dataproc.single(), "request_id": str(uuid.uuid4())}
    first = dataproc.clusters.create_cluster(request=request)
    second = dataproc.clusters.create_cluster(request=request)
    assert first.operation.name == second.operation.name
    assert first.result(polling=POLLING) == second.result(timeout=60)


def test_a_name_taken_already_exists(dataproc, running):
    with pytest.raises(exceptions.AlreadyExists) as refused:
        dataproc.create(dataproc.definition(running.cluster_name))
    (info,) = refused.value.details
    assert isinstance(info, error_details_pb2.ResourceInfo)
    assert info.resource_name.endswith(f"/clusters/{running.cluster_name}")


def test_the_same_name_is_free_in_another_region_and_project(dataproc, running):
    for place in ({"project_id": "other"}, {"region": "europe-west1"}):
        with pytest.raises(exceptions.NotFound):
            dataproc.clusters.get_cluster(request={**dataproc.place, **place, "cluster_name": running.cluster_name})


def test_what_is_not_there_is_not_found(dataproc):
    for call in (dataproc.clusters.get_cluster, dataproc.clusters.delete_cluster):
        with pytest.raises(exceptions.NotFound) as refused:
            call(cluster_name="nobody", **dataproc.place)
        assert refused.value.grpc_status_code is grpc.StatusCode.NOT_FOUND


def test_another_uuid_is_another_cluster(dataproc, running):
    request = {**dataproc.place, "cluster_name": running.cluster_name, "cluster_uuid": str(uuid.uuid4())}
    with pytest.raises(exceptions.NotFound):
        dataproc.clusters.delete_cluster(request=request)


def test_resizing_boots_and_shuts_down_vms_of_both_groups(dataproc):
    name = dataproc.create(dataproc.definition()).cluster_name
    workers = {"config": {"worker_config": {"num_instances": 3}}}
    grown = dataproc.update(name, "config.worker_config.num_instances", workers)
    assert states(grown)[-2:] == ["UPDATING", "RUNNING"]
    assert f"{name}-w-2" in dataproc.processes(name)
    mask, secondary = "config.secondary_worker_config.num_instances", {"secondary_worker_config": {"num_instances": 1}}
    grown = dataproc.update(name, mask, {"config": secondary})
    assert list(grown.config.secondary_worker_config.instance_names) == [f"{name}-sw-0"]
    assert grown.config.worker_config.num_instances == 3
    assert f"{name}-sw-0" in dataproc.processes(name)
    dataproc.update(name, mask, {"config": {"secondary_worker_config": {"num_instances": 0}}})
    workers = {"config": {"worker_config": {"num_instances": 2}}}
    small = dataproc.update(
        name, "config.worker_config.num_instances", workers, graceful_decommission_timeout={"seconds": 60}
    )
    assert list(small.config.worker_config.instance_names) == [f"{name}-w-0", f"{name}-w-1"]
    assert set(dataproc.processes(name)) == {f"{name}-m", f"{name}-w-0", f"{name}-w-1"}


def test_an_update_of_labels_replaces_them_but_the_services_own(dataproc):
    name = dataproc.create(dataproc.single(labels={"a": "1"})).cluster_name
    updated = dataproc.update(name, "labels", {"labels": {"b": "2"}})
    ours = {key: value for key, value in updated.labels.items() if not key.startswith("goog-")}
    assert ours == {"b": "2"}
    assert updated.labels["goog-dataproc-cluster-name"] == name


def test_moving_the_end_of_a_life_replaces_the_ttl(dataproc):
    life = {"lifecycle_config": {"auto_delete_ttl": {"seconds": 3600}}}
    cluster = dataproc.create(dataproc.single(**life))
    assert cluster.config.lifecycle_config.auto_delete_ttl.total_seconds() == 3600
    later = cluster.status.state_start_time.timestamp() + 7200
    end = {"config": {"lifecycle_config": {"auto_delete_time": {"seconds": int(later)}}}}
    moved = dataproc.update(cluster.cluster_name, "config.lifecycle_config.auto_delete_time", end)
    assert "auto_delete_ttl" not in moved.config.lifecycle_config
    assert int(moved.config.lifecycle_config.auto_delete_time.timestamp()) == int(later)


def test_only_a_running_cluster_is_updated_or_stopped_and_only_a_stopped_one_started(dataproc):
    name = dataproc.create(dataproc.single()).cluster_name
    with pytest.raises(exceptions.FailedPrecondition, match=f"{name} is RUNNING; allowed is STOPPED") as refused:
        dataproc.clusters.start_cluster(request={**dataproc.place, "cluster_name": name})
    assert isinstance(refused.value.details[0], error_details_pb2.PreconditionFailure)
    dataproc.clusters.stop_cluster(request={**dataproc.place, "cluster_name": name}).result(polling=POLLING)
    with pytest.raises(exceptions.FailedPrecondition, match="is STOPPED; allowed is RUNNING"):
        dataproc.update(name, "labels", {"labels": {"b": "2"}})
    with pytest.raises(exceptions.FailedPrecondition):
        dataproc.clusters.stop_cluster(request={**dataproc.place, "cluster_name": name})


def test_a_stopped_cluster_has_no_process_and_starts_as_it_was_defined(dataproc):
    before = dataproc.create(dataproc.definition())
    request = {**dataproc.place, "cluster_name": before.cluster_name}
    stopped = dataproc.clusters.stop_cluster(request=request).result(polling=POLLING)
    assert stopped.status.state == State.STOPPED
    assert dataproc.processes(before.cluster_name) == {}
    started = dataproc.clusters.start_cluster(request=request).result(polling=POLLING)
    assert states(started) == ["CREATING", "RUNNING", "STOPPING", "STOPPED", "STARTING", "RUNNING"]
    assert started.config.worker_config == before.config.worker_config
    assert len(dataproc.processes(before.cluster_name)) == 3


def test_the_disks_of_a_stopped_cluster_are_there_again_at_its_start_and_go_with_it(own_dataproc):
    dataproc = own_dataproc()
    name = dataproc.create(dataproc.definition()).cluster_name
    request = {**dataproc.place, "cluster_name": name}
    disks = [process.cwd() for process in dataproc.processes(name).values()]
    for disk in disks:
        Path(disk, "note").write_text(disk)
    dataproc.clusters.stop_cluster(request=request).result(polling=POLLING)
    dataproc.stop()  # the disks outlive the server, too
    dataproc.start()
    dataproc.clusters.start_cluster(request=request).result(polling=POLLING)
    assert sorted(process.cwd() for process in dataproc.processes(name).values()) == sorted(disks)
    assert [Path(disk, "note").read_text() for disk in disks] == disks
    dataproc.delete(name)
    assert not any(Path(disk).exists() for disk in disks)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"secondary_worker_config": {"num_instances": 1}}, "has 1 secondary workers and cannot be stopped"),
        ({"worker_config": {"num_instances": 2, "disk_config": {"num_local_ssds": 1}}}, "has local SSDs and cannot"),
    ],
)
def test_a_cluster_that_would_lose_machines_or_disks_is_not_stopped(dataproc, config, why):
    name = dataproc.create(dataproc.definition(**config)).cluster_name
    with pytest.raises(exceptions.FailedPrecondition, match=f"{name} {why}"):
        dataproc.clusters.stop_cluster(request={**dataproc.place, "cluster_name": name})
    assert dataproc.get(name).status.state == State.RUNNING
    dataproc.delete(name)


def test_a_deleted_cluster_is_not_listed_and_no_process_of_it_lives(dataproc, runs):
    cluster = dataproc.create(dataproc.definition())
    processes = dataproc.processes(cluster.cluster_name)
    assert len(processes) == 3
    dataproc.delete(cluster.cluster_name)
    assert cluster.cluster_name not in dataproc.names()
    assert not any(map(runs, processes.values()))


def test_a_cluster_can_be_deleted_while_it_is_being_created(dataproc):
    definition = dataproc.definition()
    creation = dataproc.clusters.create_cluster(request={**dataproc.place, "cluster": definition})
    dataproc.delete(definition["cluster_name"])
    assert definition["cluster_name"] not in dataproc.names()
    with pytest.raises(exceptions.GoogleAPICallError) as ended:
        creation.result(polling=POLLING)
    assert ended.value.errors[0].code == grpc.StatusCode.CANCELLED.value[0]
    assert not (dataproc.state / "emulator" / "machines" / creation.metadata.cluster_uuid).exists()


def test_a_head_that_cannot_start_leaves_a_cluster_in_error_that_says_why(dataproc):
    definition = dataproc.definition()
    definition["config"]["gce_cluster_config"]["metadata"]["dask-staging"] = "/dev/null/nowhere"
    with pytest.raises(exceptions.GoogleAPICallError, match="ended with status") as failed:
        dataproc.create(definition)
    assert failed.value.errors[0].code == grpc.StatusCode.INTERNAL.value[0]
    cluster = dataproc.get(definition["cluster_name"])
    assert cluster.status.state == State.ERROR
    assert "Not a directory" in cluster.status.detail
    dataproc.delete(definition["cluster_name"])


def test_a_cluster_whose_master_dies_is_in_error(dataproc, until):
    name = dataproc.create(dataproc.definition()).cluster_name
    dataproc.processes(name)[f"{name}-m"].kill()
    cluster = until(lambda: (c := dataproc.get(name)).status.state == State.ERROR and c)
    assert cluster.status.detail == f"{name}-m, the master, is not running any more"
    dataproc.delete(name)


def test_list_is_filtered_by_name_state_and_labels(dataproc):
    mark = uuid.uuid4().hex[:8]
    names = [dataproc.create(dataproc.single(labels={"mark": mark, "at": str(i)})).cluster_name for i in range(2)]
    ours = f"labels.mark = {mark}"
    assert dataproc.names(filter=ours) == sorted(names)
    assert dataproc.names(filter=f"{ours} AND labels.at = 1") == names[1:]
    assert dataproc.names(filter=f"{ours} clusterName={names[0]} status.state = ACTIVE") == names[:1]
    assert dataproc.names(filter=f"{ours} AND labels.at = * AND status.state = RUNNING") == sorted(names)
    assert dataproc.names(filter=f"{ours} AND status.state = INACTIVE") == []
    for wrong in ("nonsense", "zone = b", "clusterName = a OR clusterName = b", "clusterName > a AND"):
        with pytest.raises(exceptions.InvalidArgument, match="filter"):
            dataproc.names(filter=wrong)


def test_pages_have_every_cluster_once_in_the_order_of_names(dataproc):
    mark = uuid.uuid4().hex[:8]
    names = [dataproc.create(dataproc.single(labels={"mark": mark})).cluster_name for _ in range(3)]
    request = {**dataproc.place, "page_size": 2, "filter": f"labels.mark = {mark}"}
    first = dataproc.clusters.list_clusters(request=request)
    assert len(first.clusters) == 2
    assert [cluster.cluster_name for cluster in first] == sorted(names)
    for wrong in ({"page_token": "!"}, {"page_token": "YWJj"}, {"page_size": -1}):
        with pytest.raises(exceptions.InvalidArgument):
            dataproc.clusters.list_clusters(request={**dataproc.place, **wrong})


def test_a_diagnosis_has_the_definition_and_the_logs(dataproc, running):
    name = running.cluster_name
    result = dataproc.clusters.diagnose_cluster(request={**dataproc.place, "cluster_name": name}).result(
        polling=POLLING
    )
    with tarfile.open(urlsplit(result.output_uri).path) as archive:
        assert {"cluster.textproto", f"{name}-m.log", f"{name}-w-0.log"} <= set(archive.getnames())
        definition = archive.extractfile("cluster.textproto")
        assert definition is not None
        assert running.cluster_uuid in definition.read().decode()


def test_the_async_client_lives_through_a_clusters_life(dataproc):
    async def life() -> tuple[str, str, list[str]]:
        client = dataproc.asynchronous()
        request = {**dataproc.place, "cluster": dataproc.single()}
        created = await (await client.create_cluster(request=request)).result(timeout=60)
        name = created.cluster_name
        got = await client.get_cluster(cluster_name=name, **dataproc.place)
        operation = await client.delete_cluster(cluster_name=name, **dataproc.place)
        await operation.result(timeout=60)
        left = [cluster.cluster_name async for cluster in await client.list_clusters(request=dataproc.place)]
        return name, got.status.state.name, left

    name, state, left = asyncio.run(life())
    assert state == "RUNNING"
    assert name not in left

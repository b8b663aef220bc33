"""Every fault as Google's unmodified client meets it: the codes, texts and details of Dataproc, and what is left."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.api_core import exceptions
from google.api_core.future.polling import DEFAULT_POLLING
from google.longrunning import operations_pb2
from google.rpc.error_details_pb2 import ErrorInfo

POLLING = DEFAULT_POLLING.with_delay(initial=0.02, maximum=0.1, multiplier=1.3).with_timeout(60)
TWO = {"worker_config": {"num_instances": 2}}
PRIMARY, SPOT = "config.worker_config.num_instances", "config.secondary_worker_config.num_instances"
NO_MACHINES = "does not have enough resources available to fulfill the request.  '(resource type:compute)'."
FEWER_CPUS = (
    " - This request exceeds CPU quota. Some things to try: request fewer workers (a minimum of 2 is required), "
    "use smaller master and/or worker machine types (such as n1-standard-2)."
)


@pytest.fixture(scope="module")
def shared(module_dataproc) -> Any:
    """An emulator of this module's, on which things go wrong."""
    return module_dataproc()


@pytest.fixture
def api(shared) -> Iterator[Any]:
    yield shared
    assert shared.ask(do="clear") == {"faults": [], "struck": []}


@pytest.fixture
def cluster(api) -> Iterator[Callable[..., str]]:
    """Makes clusters of two workers, where nothing else is said, and deletes them."""
    made: list[str] = []

    def make(**config: Any) -> str:
        made.append(api.create(api.definition(**TWO | config)).cluster_name)
        return made[-1]

    yield make
    for name in made:
        api.delete(name)


def failed(api, definition: dict[str, Any], **request: Any) -> tuple[Any, Any]:
    """Create a cluster that ends in ERROR; return the operation's google.rpc.Status and what is left, and delete it."""
    operation = api.clusters.create_cluster(request={**api.place, "cluster": definition, **request})
    with pytest.raises(exceptions.GoogleAPICallError):
        operation.result(polling=POLLING)
    name = definition["cluster_name"]
    left = set(api.processes(name))
    assert api.get(name).status.state.name == "ERROR"
    assert api.get(name).status.detail == operation.operation.error.message
    api.delete(name)
    return operation.operation.error, left


def of_zone(zone: str) -> dict[str, Any]:
    return {"gce_cluster_config": {"zone_uri": zone}}


def info(details: Any) -> ErrorInfo:
    """Return the one detail, which is an ErrorInfo, of an operation's error or of a call's."""
    (detail,) = details
    if isinstance(detail, ErrorInfo):
        return detail
    found = ErrorInfo()
    assert detail.Unpack(found)
    return found


def test_a_short_quota_refuses_a_cluster_with_a_line_for_each_metric(api):
    api.fault("quota", available=8)
    api.fault("quota", metric="IN_USE_ADDRESSES", available=2)
    with pytest.raises(exceptions.InvalidArgument) as refused:
        api.create(api.definition("greedy", **TWO))
    assert refused.value.message.splitlines() == [
        "Multiple validation errors:",
        " - Insufficient 'CPUS' quota. Requested 12.0, available 8.0.",
        " - Insufficient 'IN_USE_ADDRESSES' quota. Requested 3.0, available 2.0.",
        FEWER_CPUS,
    ]
    assert "greedy" not in api.names()


def test_a_resize_asks_for_what_it_adds_and_disks_count_by_their_kind(api, cluster):
    workers = {"num_instances": 2, "disk_config": {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": 100}}
    name = cluster(worker_config=workers)
    api.fault("quota", cluster=name, metric="DISKS_TOTAL_GB,SSD_TOTAL_GB", available=99)
    with pytest.raises(exceptions.InvalidArgument) as refused:
        api.update(name, PRIMARY, {"config": {"worker_config": {"num_instances": 3}}})
    assert refused.value.message == "Insufficient 'SSD_TOTAL_GB' quota. Requested 100.0, available 99.0."
    assert api.get(name).status.state.name == "RUNNING"


def test_project_quotas_are_counted_over_the_clusters_there_are(own_dataproc):
    api = own_dataproc("--quotas", "CPUS=20,DISKS_TOTAL_GB=2000")
    name = api.create(api.definition(**TWO)).cluster_name
    stopped = api.create(api.single("stopped")).cluster_name
    with pytest.raises(exceptions.InvalidArgument, match=r"'CPUS' quota. Requested 8.0, available 4.0"):
        api.update(name, PRIMARY, {"config": {"worker_config": {"num_instances": 4}}})
    with pytest.raises(exceptions.InvalidArgument, match=r"'DISKS_TOTAL_GB' quota. Requested 500.0, available 0.0"):
        api.create(api.single())
    api.clusters.stop_cluster(request={**api.place, "cluster_name": stopped}).result(polling=POLLING)
    small = {"master_config": {"disk_config": {"boot_disk_type": "pd-ssd"}}}
    for _ in range(2):  # a stopped cluster keeps its disks and gives its vCPUs back
        api.create(api.single(**small))
    with pytest.raises(exceptions.InvalidArgument, match=r"'CPUS' quota. Requested 4.0, available 0.0"):
        api.clusters.start_cluster(request={**api.place, "cluster_name": stopped})
    api.delete(name)
    api.clusters.start_cluster(request={**api.place, "cluster_name": stopped}).result(polling=POLLING)


def test_a_zone_without_machines_is_told_with_those_that_have_them(api):
    api.fault("stockout", zones="us-central1-b", machine="n1-standard-4", zonesAvailable="us-central1-c,us-central1-f")
    error, left = failed(api, api.definition(**TWO, **of_zone("us-central1-b")))
    assert error.code == 14  # UNAVAILABLE
    assert error.message == f"The zone 'projects/test-project/zones/us-central1-b' {NO_MACHINES}"
    assert (info(error.details).reason, info(error.details).domain) == (
        "resource_availability",
        "compute.googleapis.com",
    )
    assert dict(info(error.details).metadata) == {
        "zone": "us-central1-b",
        "vmType": "n1-standard-4",
        "zonesAvailable": "us-central1-c,us-central1-f",
    }
    assert not left


def test_a_stockout_of_spot_machines_leaves_standard_ones_and_the_cluster_as_it_was(api, cluster):
    api.fault("stockout", spot=True)
    name = cluster(**of_zone("us-central1-f"))
    with pytest.raises(exceptions.ServiceUnavailable, match="us-central1-f"):
        api.update(name, SPOT, {"config": {"secondary_worker_config": {"num_instances": 1}}})
    assert api.get(name).status.state.name == "RUNNING"
    assert not api.get(name).config.secondary_worker_config.instance_names
    assert set(api.processes(name)) == {f"{name}-m", f"{name}-w-0", f"{name}-w-1"}


def test_zones_hold_so_many_machines_and_auto_placement_knows(own_dataproc):
    api = own_dataproc("--zones", "us-central1-b=0,us-central1-c=1")
    first = api.create(api.single())
    assert first.config.gce_cluster_config.zone_uri.endswith("/us-central1-c")
    for zone in ("us-central1-b", "us-central1-c"):
        error, _ = failed(api, api.single(**of_zone(zone)))
        assert info(error.details).metadata["zonesAvailable"] == "us-central1-f,us-central1-a"
    assert api.create(api.single()).config.gce_cluster_config.zone_uri.endswith("/us-central1-f")
    api.delete(first.cluster_name)
    api.create(api.single(**of_zone("us-central1-c")))


@pytest.mark.parametrize(("settings", "what"), [({}, "failed"), ({"exit": 124}, "timed out")])
def test_a_failed_initialization_action_is_told_with_its_output(api, settings, what):
    api.fault("init-action", output="begins\nno space left\n", **settings)
    script = {"executable_file": "gs://b/install.sh"}
    error, left = failed(api, api.single("unlucky", initialization_actions=[script]))
    assert left == {"unlucky-m"}, "the failed machine stays, to be looked at"
    said, _, where = error.message.partition(", see output in: ")
    assert said == f"Initialization action {what}. Failed action 'gs://b/install.sh'"
    assert where.endswith("/unlucky-m/dataproc-initialization-script-0_output")
    assert Path(urlsplit(where).path).read_text() == "begins\nno space left\n"


def test_a_worker_that_never_comes_is_an_error(api):
    api.fault("missing-worker", seconds=0)
    error, left = failed(api, api.definition("three", **TWO))
    assert error.message == "Operation timed out: Only 1 out of 2 minimum required node managers running."
    assert left == {"three-m", "three-w-0"}


def test_with_enough_others_the_cluster_runs_without_the_worker_that_never_came(api, cluster):
    api.fault("missing-worker", worker=1, seconds=0)
    name = cluster(worker_config={"num_instances": 3, "min_num_instances": 2})
    assert set(api.processes(name)) == {f"{name}-m", f"{name}-w-0", f"{name}-w-2"}
    assert api.get(name).config.worker_config.num_instances == 2


def test_a_slow_creation_is_one_that_can_be_given_up(api):
    api.fault("slow-create", seconds=3600)
    operation = api.clusters.create_cluster(request={**api.place, "cluster": api.single("slow")})
    assert api.get("slow").status.state.name == "CREATING"
    assert not api.processes("slow")
    api.delete("slow")
    with pytest.raises(exceptions.GoogleAPICallError, match="cancelled"):
        operation.result(polling=POLLING)


@pytest.mark.parametrize(
    ("method", "call", "permission", "resource"),
    [
        ("create_cluster", lambda api: api.create(api.single("c")), "clusters.create", "/clusters/c"),
        ("list_clusters", lambda api: api.names(), "clusters.list", ""),
        ("submit_job", lambda api: api.jobs.submit_job(**api.place, job={}), "jobs.create", ""),
    ],
)
def test_a_missing_permission_is_named_with_its_resource(api, method, call, permission, resource):
    api.fault("permission", method=method)
    with pytest.raises(exceptions.PermissionDenied) as refused:
        call(api)
    permission, resource = f"dataproc.{permission}", f"projects/test-project/regions/us-central1{resource}"
    told = f"Permission '{permission}' denied on resource '//dataproc.googleapis.com/{resource}' (or it may not exist)."
    assert refused.value.message == told
    assert info(refused.value.details).reason == "IAM_PERMISSION_DENIED"
    assert dict(info(refused.value.details).metadata) == {"permission": permission, "resource": resource}


def test_too_many_calls_are_refused_with_the_quota_of_calls(api):
    api.fault("throttle", times=2)
    with pytest.raises(exceptions.ResourceExhausted) as refused:
        api.create(api.single())
    assert refused.value.message.startswith("Quota exceeded for quota metric 'Cluster operation requests' and limit ")
    assert info(refused.value.details).reason == "RATE_LIMIT_EXCEEDED"
    with pytest.raises(exceptions.ResourceExhausted, match="'Default requests'"):
        api.names()
    api.names()


def test_a_call_whose_reply_is_lost_was_carried_out_once(api):
    api.fault("lost-reply", method="create_cluster")
    request = {**api.place, "cluster": api.single("once"), "request_id": "the-same"}
    with pytest.raises(exceptions.ServiceUnavailable):
        api.clusters.create_cluster(request=request, retry=None)
    assert "once" in api.names()
    api.clusters.create_cluster(request=request).result(polling=POLLING)
    api.delete("once")


def test_a_cut_resets_calls_under_way_and_fails_others_until_it_is_over(api):
    api.fault("slow-create", seconds=3600)
    operation = api.clusters.create_cluster(request={**api.place, "cluster": api.single("cut-off")}).operation
    wait = "/google.longrunning.Operations/WaitOperation"
    waiting = api.channel.unary_unary(wait, operations_pb2.WaitOperationRequest.SerializeToString).future(
        operations_pb2.WaitOperationRequest(name=operation.name), timeout=60
    )
    assert api.names() == ["cut-off"]  # on the same connection: the other call has arrived before
    api.fault("cut", method="list_clusters", seconds=0.5)
    began = time.monotonic()
    with pytest.raises(exceptions.ServiceUnavailable):
        api.clusters.list_clusters(request=api.place, retry=None)
    assert waiting.exception(timeout=30).code().name == "UNAVAILABLE"
    assert api.names() == ["cut-off"], "the client has tried until the line was there again"
    assert time.monotonic() - began > 0.5
    api.delete("cut-off")


def replaced(api, name: str, before: dict[str, Any]) -> bool:
    now = api.processes(name)
    return set(now) == set(before) and all(now[vm].pid != before[vm].pid for vm in before if "-sw-" in vm)


def test_preempted_workers_have_their_notice_and_their_group_replaces_them(api, cluster, until):
    name = cluster(secondary_worker_config={"num_instances": 2})
    until(lambda: len(api.processes(name)) == 5)
    until(lambda: registered(api, name) == 4)
    before = api.processes(name)
    assert api.fault("preempt", cluster=name) == [f"{name}-sw-0", f"{name}-sw-1"]
    until(lambda: replaced(api, name, before), 60)
    assert {vm: process.pid for vm, process in before.items() if "-sw-" not in vm} == {
        vm: process.pid for vm, process in api.processes(name).items() if "-sw-" not in vm
    }
    assert api.get(name).config.secondary_worker_config.num_instances == 2


def registered(api, name: str) -> int:
    """How many machines have said that they are ready: their logs say so."""
    folder = api.state / "emulator" / "machines" / api.get(name).cluster_uuid
    logs = [file.read_text(errors="replace") for file in folder.glob("*/log.txt")]
    return sum("Registered to" in log for log in logs)


def test_preempted_workers_are_replaced_when_there_are_machines_again(api, cluster, until):
    name = cluster(secondary_worker_config={"num_instances": 1})
    before = until(lambda: len(found := api.processes(name)) == 4 and found)
    api.fault("stockout", cluster=name, spot=True)
    assert api.fault("preempt", cluster=name) == [f"{name}-sw-0"]
    until(lambda: f"{name}-sw-0" not in api.processes(name))
    api.ask(do="clear")
    until(lambda: replaced(api, name, before))


def test_a_primary_worker_that_dies_is_not_replaced_and_a_secondary_one_is(api, cluster, until):
    name = cluster(secondary_worker_config={"num_instances": 1})
    before = until(lambda: len(found := api.processes(name)) == 4 and found)
    assert api.fault("vm-death", vm=f"{name}-sw-0") == [f"{name}-sw-0"]
    until(lambda: replaced(api, name, before))
    assert api.fault("vm-death", cluster=name) == [f"{name}-w-0"]
    until(lambda: set(api.processes(name)) == {f"{name}-m", f"{name}-w-1", f"{name}-sw-0"})
    assert api.get(name).status.state.name == "RUNNING"
    assert api.fault("vm-death", vm=f"{name}-m") == [f"{name}-m"]
    until(lambda: api.get(name).status.state.name == "ERROR")


def test_a_jump_of_the_clock_ends_what_was_to_live_until_then(api, until):
    api.create(api.single("brief", lifecycle_config={"auto_delete_ttl": {"seconds": 3600}}))
    api.fault("clock-jump", seconds=3500)
    assert "brief" in api.names()
    api.fault("clock-jump", seconds=101)
    until(lambda: "brief" not in api.names())
    api.fault("clock-jump", seconds=-3601)


def test_what_the_control_socket_does_not_understand_is_one_line(api):
    assert api.ask(do="ask", kind="stokout")["error"].startswith("fault: 'stokout' given, allowed is one of ")
    assert api.ask(do="ask", kind="cut", settings={"method": "nosuch"})["error"].startswith("cut, method: 'nosuch' ")
    assert api.ask(do="sing")["error"] == "do: 'sing' given, allowed is ask, list or clear"
    assert api.ask(do="ask")["error"] == "no request: KeyError('kind')"
    assert (api.runtime / "control.sock").stat().st_mode & 0o777 == 0o600


def test_a_restarted_emulator_has_no_faults(own_dataproc):
    api = own_dataproc()
    api.fault("throttle", times=3, method="list_clusters")
    waiting = {"kind": "throttle", "times": 3, "settings": {"method": "list_clusters"}}
    assert json.dumps(api.ask(do="list")["faults"]) == json.dumps([waiting])
    api.stop()
    api.start()
    assert api.ask(do="list")["faults"] == []

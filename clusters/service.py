"""Dataproc's API as this tool uses it: a thin, asynchronous adapter over Google's unmodified client."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .calls import answered
from .clock import REAL, Clock
from .config import LOCAL, duration
from .connection import forget, sweep
from .errors import ClusterBusy, ClusterFailed, ClusterNotFound, ConfigError, WaitTimeout
from .job_calls import JobCalls
from .local import Endpoint, emulator_launch, emulator_ready
from .node_output import told_by_node
from .pauses import growing
from .record import ClusterRecord, from_message
from .service_errors import failure

LOCAL_POLL, CLOUD_POLL = (0.005, 0.5), (1.0, 5.0)
"""First and longest seconds between two looks at an operation; Google's own default lags 6.7 s behind on average."""
LOCAL_PAUSES, CLOUD_PAUSES = (0.05, 1.0), (1.0, 10.0)
"""First and longest seconds between two tries of a call that was not answered."""

SWEEP = 5.0
"""Seconds that a deletion may be held up by what other clusters left behind."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation: its name, and the uuid of the cluster it is about."""

    name: str
    cluster_uuid: str


class Service(JobCalls):
    """Clusters and jobs of one project and region.

    An asynchronous context manager; entering it starts the emulator if the project is ``local`` and none runs.

    Parameters
    ----------
    project, region : str
    """

    def __init__(self, project: str, region: str):
        self.project, self.region = project, region
        self.clock: Clock = REAL
        self._client: Any = None
        self._poll = LOCAL_POLL if project == LOCAL else CLOUD_POLL
        self._pauses = LOCAL_PAUSES if project == LOCAL else CLOUD_PAUSES
        self._place = {"project_id": project, "region": region}
        self._timeout = duration("timeouts.call")

    async def __aenter__(self) -> Service:
        if self.project != LOCAL:
            await asyncio.to_thread(_google)
            self._client = self._cloud_client()
            return self
        # In this order: beside the import, which keeps the interpreter busy, the launch would take five times as long.
        launched = await asyncio.to_thread(emulator_launch)
        await asyncio.to_thread(_google)
        endpoint = await asyncio.to_thread(emulator_ready, launched)
        self.clock = endpoint.clock
        self._client = _local_client(endpoint)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:  # it was not made if entering failed or was cancelled
            await self._client.transport.close()

    async def create(self, cluster: Mapping[str, Any], request_id: str) -> Operation:
        """Ask for ``cluster``, a Cluster of the v1 API; the same ``request_id`` never makes two."""
        request = self._place | {
            "cluster": dict(cluster),
            "request_id": request_id,
            "action_on_failed_primary_workers": "DELETE",
        }
        return await self._begin(f"create {cluster['cluster_name']}", self._client.create_cluster, request)

    async def update(self, name: str, changes: Mapping[str, Any], mask: list[str], *, grace: int = 0) -> Operation:
        """Change the fields of ``mask`` in cluster ``name``; leaving workers have ``grace`` seconds."""
        request: dict[str, Any] = self._place | {
            "cluster_name": name,
            "cluster": dict(changes),
            "update_mask": {"paths": mask},
            "request_id": new_request_id(),
        }
        if grace:
            request["graceful_decommission_timeout"] = {"seconds": grace}
        return await self._begin(f"update {name}", self._client.update_cluster, request)

    async def delete(self, name: str, uuid: str = "") -> Operation:
        """Delete cluster ``name``; with ``uuid``, only if it is still that one."""
        request = self._place | {"cluster_name": name, "cluster_uuid": uuid, "request_id": new_request_id()}
        return await self._begin(f"delete {name}", self._client.delete_cluster, request)

    async def stop(self, record: ClusterRecord) -> Operation:
        """Stop the cluster of ``record``: its machines go, its disks stay."""
        return await self._begin(f"stop {record.name}", self._client.stop_cluster, self._that(record))

    async def start(self, record: ClusterRecord) -> Operation:
        """Start the stopped cluster of ``record``."""
        return await self._begin(f"start {record.name}", self._client.start_cluster, self._that(record))

    def _that(self, record: ClusterRecord) -> dict[str, Any]:
        named = {"cluster_name": record.name, "cluster_uuid": record.uuid}
        return self._place | named | {"request_id": new_request_id()}

    async def remove(self, record: ClusterRecord) -> None:
        """Delete the cluster of ``record``, wait until it has gone and take its keys out of staging."""
        with contextlib.suppress(ClusterNotFound):  # its lease, or somebody else, was faster
            try:
                operation = await self.delete(record.name, record.uuid)
            except ClusterBusy:  # and is at it
                await self._gone(record)
            else:
                await self.finish(operation, f"delete {record.name}", duration("timeouts.delete"))
        if record.staging:
            await forget(record.staging, record.uuid)
            await self._sweep(record.staging)

    async def _sweep(self, staging: str) -> None:
        """Take the keys of clusters that have gone by their leases out of staging too, if that can be done."""

        async def living() -> set[str]:
            return {record.uuid for record in await self.list()}

        with contextlib.suppress(Exception):  # each file system has its own errors, and the cluster is deleted by now
            async with asyncio.timeout(SWEEP):
                await sweep(staging, f"{self.project}/{self.region}", living)

    async def _gone(self, record: ClusterRecord) -> None:
        limit = duration("timeouts.delete")
        try:
            async with asyncio.timeout(limit):
                with contextlib.suppress(ClusterNotFound):
                    while (await self.get(record.name)).uuid == record.uuid:  # noqa: ASYNC110  # Dataproc has no event
                        await asyncio.sleep(self._poll[1])
        except TimeoutError:
            raise WaitTimeout(f"delete {record.name}: not gone after {limit} s", "%dask_cluster status") from None

    async def get(self, name: str) -> ClusterRecord:
        """Return the record of cluster ``name``."""
        request = self._place | {"cluster_name": name}
        what = f"cluster {name} in {self.project}/{self.region}"
        found = await self._ask(what, lambda s: self._client.get_cluster(request, retry=None, timeout=s))
        return from_message(type(found).pb(found), self.region)

    async def list(self, labels: Mapping[str, str] | None = None) -> list[ClusterRecord]:
        """Return the clusters that have all of ``labels``; ``*`` is any value."""
        wanted = " AND ".join(f"labels.{key} = {value}" for key, value in (labels or {}).items())
        request = self._place | {"filter": wanted}

        async def pages(seconds: float) -> list[ClusterRecord]:
            found = await self._client.list_clusters(request, retry=None, timeout=seconds)
            return [from_message(type(cluster).pb(cluster), self.region) async for cluster in found]

        return await self._ask(f"list clusters of {self.project}/{self.region}", pages)

    async def policy_is(self, name: str, wanted: Mapping[str, Any]) -> bool:
        """Return whether the autoscaling policy ``name`` has the figures of ``wanted``, an AutoscalingPolicy."""
        ask = self._policies().get_autoscaling_policy
        what = f"autoscaling policy {wanted['id']} in {self.project}/{self.region}"
        found = await self._ask(what, lambda seconds: ask(name=name, retry=None, timeout=seconds))
        ours = type(found)(dict(wanted))
        groups = ("worker_config", "secondary_worker_config", "basic_algorithm")
        return all(getattr(found, part) == getattr(ours, part) for part in groups)

    async def create_policy(self, policy: Mapping[str, Any]) -> None:
        """Create an autoscaling policy, an AutoscalingPolicy of the v1 API."""
        request = {"parent": f"projects/{self.project}/regions/{self.region}", "policy": dict(policy)}
        make, what = self._policies().create_autoscaling_policy, f"create autoscaling policy {policy['id']}"
        await self._ask(what, lambda seconds: make(request, retry=None, timeout=seconds))

    async def finish(self, operation: Operation, what: str, timeout: float) -> None:
        """Wait for ``operation``.

        Raises
        ------
        ServiceError
            It failed; see `dask_dataproc.clusters.service_errors`.
        WaitTimeout
            It was not done after ``timeout`` seconds.
        """
        pauses = growing(*self._poll)
        try:
            async with asyncio.timeout(timeout):
                while not (done := await self._operation(operation, what)).done:  # noqa: ASYNC110  # it has no event
                    await asyncio.sleep(next(pauses))
        except WaitTimeout:  # of one call
            raise
        except TimeoutError:
            raise WaitTimeout(f"{what}: not done after {timeout:.0f} s", "%dask_cluster status") from None
        if done.HasField("error"):
            error = failure(done.error, what)
            raise await told_by_node(error) if isinstance(error, ClusterFailed) else error

    async def _operation(self, operation: Operation, what: str) -> Any:
        request = {"name": operation.name}
        return await self._ask(what, lambda seconds: self._client.get_operation(request, retry=None, timeout=seconds))

    async def _begin(self, what: str, method: Any, request: Mapping[str, Any]) -> Operation:
        begun = await self._ask(what, lambda seconds: method(request, retry=None, timeout=seconds))
        return Operation(begun.operation.name, begun.metadata.cluster_uuid)

    async def _ask(self, what: str, call: Callable[[float], Awaitable[Any]]) -> Any:
        """Call until there is an answer; ours are the only retries, so that one bound holds and no call is left out."""
        wake = self._wake if self.project == LOCAL else None
        return await answered(what, call, self._timeout, self._pauses, wake)

    async def _wake(self) -> None:
        """Start the local Dataproc again if it has ended: a call that nobody answers would be repeated for a minute."""
        import grpc

        if self._client.transport.grpc_channel.get_state() is not grpc.ChannelConnectivity.READY:
            launched = emulator_launch()
            if launched is not None:
                await asyncio.to_thread(emulator_ready, launched)

    def _policies(self) -> Any:
        """Return Google's client for autoscaling policies, on the channel that there is."""
        from google.cloud.dataproc_v1.services.autoscaling_policy_service import transports

        transport = transports.AutoscalingPolicyServiceGrpcAsyncIOTransport(channel=self._client.transport.grpc_channel)
        return _google().AutoscalingPolicyServiceAsyncClient(transport=transport)

    def _cloud_client(self) -> Any:
        import google.auth.exceptions
        from google.api_core.client_options import ClientOptions

        where = ClientOptions(api_endpoint=f"{self.region}-dataproc.googleapis.com:443")
        try:
            return _google().ClusterControllerAsyncClient(client_options=where)
        except google.auth.exceptions.DefaultCredentialsError:
            raise ConfigError(
                f"credentials: none found for project {self.project}", "gcloud auth application-default login"
            ) from None


def new_request_id() -> str:
    """Return an id under which Dataproc does a thing once, however often it is asked."""
    return secrets.token_hex(16)


def _google() -> Any:
    from google.cloud import dataproc_v1

    return dataproc_v1


def _local_client(endpoint: Endpoint) -> Any:
    import grpc
    from google.cloud.dataproc_v1.services.cluster_controller.transports import ClusterControllerGrpcAsyncIOTransport

    channel = grpc.aio.insecure_channel(endpoint.target)
    return _google().ClusterControllerAsyncClient(transport=ClusterControllerGrpcAsyncIOTransport(channel=channel))

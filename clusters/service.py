"""Dataproc's API as this tool uses it: a thin, asynchronous adapter over Google's unmodified client."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from .clock import REAL, Clock
from .config import LOCAL, duration
from .connection import forget
from .errors import ClusterFailed, ConfigError, ServiceError, WaitTimeout
from .local import Endpoint, emulator_launch, emulator_ready
from .node_output import told_by_node
from .record import ClusterRecord, from_message
from .service_errors import translate

GROWTH = 1.3
LOCAL_POLL, CLOUD_POLL = (0.005, 0.03), (1.0, 5.0)
"""First and longest seconds between two looks at an operation; Google's own default lags 6.7 s behind on average."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation: its name, and the uuid of the cluster it is about."""

    name: str
    cluster_uuid: str


class Service:
    """Clusters of one project and region.

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
        operation = await self.delete(record.name, record.uuid)
        await self.finish(operation, f"delete {record.name}", duration("timeouts.delete"))
        if record.staging:
            await forget(record.staging, record.uuid)

    async def get(self, name: str) -> ClusterRecord:
        """Return the record of cluster ``name``."""
        what = f"cluster {name} in {self.project}/{self.region}"
        async with self._call(what):
            found = await self._client.get_cluster(self._place | {"cluster_name": name}, timeout=self._timeout)
        return from_message(type(found).pb(found), self.region)

    async def list(self, labels: Mapping[str, str] | None = None) -> list[ClusterRecord]:
        """Return the clusters that have all of ``labels``; ``*`` is any value."""
        wanted = " AND ".join(f"labels.{key} = {value}" for key, value in (labels or {}).items())
        async with self._call(f"list clusters of {self.project}/{self.region}"):
            pages = await self._client.list_clusters(self._place | {"filter": wanted}, timeout=self._timeout)
            return [from_message(type(found).pb(found), self.region) async for found in pages]

    async def policy_is(self, name: str, wanted: Mapping[str, Any]) -> bool:
        """Return whether the autoscaling policy ``name`` has the figures of ``wanted``, an AutoscalingPolicy."""
        async with self._call(f"autoscaling policy {wanted['id']} in {self.project}/{self.region}"):
            found = await self._policies().get_autoscaling_policy(name=name, timeout=self._timeout)
        ours = type(found)(dict(wanted))
        groups = ("worker_config", "secondary_worker_config", "basic_algorithm")
        return all(getattr(found, part) == getattr(ours, part) for part in groups)

    async def create_policy(self, policy: Mapping[str, Any]) -> None:
        """Create an autoscaling policy, an AutoscalingPolicy of the v1 API."""
        request = {"parent": f"projects/{self.project}/regions/{self.region}", "policy": dict(policy)}
        async with self._call(f"create autoscaling policy {policy['id']}"):
            await self._policies().create_autoscaling_policy(request, timeout=self._timeout)

    async def finish(self, operation: Operation, what: str, timeout: float) -> None:
        """Wait for ``operation``.

        Raises
        ------
        ServiceError
            It failed; see `dask_dataproc.clusters.service_errors`.
        WaitTimeout
            It was not done after ``timeout`` seconds.
        """
        pause, longest = self._poll
        try:
            async with asyncio.timeout(timeout):
                while not (done := await self._operation(operation, what)).done:
                    await asyncio.sleep(pause)
                    pause = min(pause * GROWTH, longest)
        except TimeoutError:
            raise WaitTimeout(f"{what}: not done after {timeout:.0f} s", "%dask_cluster status") from None
        if done.HasField("error"):
            error = failure(done.error, what)
            raise await told_by_node(error) if isinstance(error, ClusterFailed) else error

    async def _operation(self, operation: Operation, what: str) -> Any:
        from google.api_core.retry_async import AsyncRetry

        # One lost connection in minutes of asking is no failed cluster; the emulator is started again instead.
        retry = None if self.project == LOCAL else AsyncRetry(initial=0.5, maximum=5.0, timeout=self._timeout)
        async with self._call(what):
            request = {"name": operation.name}
            return await self._client.get_operation(request, retry=retry, timeout=self._timeout)

    async def _begin(self, what: str, method: Any, request: Mapping[str, Any]) -> Operation:
        async with self._call(what):
            begun = await method(request, timeout=self._timeout)
        return Operation(begun.operation.name, begun.metadata.cluster_uuid)

    async def _wake(self) -> None:
        """Start the local Dataproc again if it has ended: a call that nobody answers would be repeated for a minute."""
        import grpc

        if self._client.transport.grpc_channel.get_state() is not grpc.ChannelConnectivity.READY:
            launched = emulator_launch()
            if launched is not None:
                await asyncio.to_thread(emulator_ready, launched)

    @contextlib.asynccontextmanager
    async def _call(self, what: str) -> AsyncIterator[None]:
        from google.api_core import exceptions as google

        if self.project == LOCAL:
            await self._wake()
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except google.GoogleAPICallError as error:
            raise translate(error, what) from error
        except google.RetryError as error:
            raise ServiceError(f"{what}: {error}", "%dask_cluster doctor") from error
        except TimeoutError:
            raise WaitTimeout(f"{what}: no answer after {self._timeout} s", "%dask_cluster doctor") from None

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


def failure(status: Any, what: str) -> ServiceError | ClusterFailed:
    """Return the error for a failed operation's ``google.rpc.Status``."""
    from google.api_core.exceptions import from_grpc_status
    from grpc import StatusCode

    code = next(c for c in StatusCode if c.value[0] == status.code)
    said = translate(from_grpc_status(code, status.message), what)
    return said if type(said) is not ServiceError else ClusterFailed(said.message, "%dask_cluster logs")


def _google() -> Any:
    from google.cloud import dataproc_v1

    return dataproc_v1


def _local_client(endpoint: Endpoint) -> Any:
    import grpc
    from google.cloud.dataproc_v1.services.cluster_controller.transports import ClusterControllerGrpcAsyncIOTransport

    channel = grpc.aio.insecure_channel(endpoint.target)
    return _google().ClusterControllerAsyncClient(transport=ClusterControllerGrpcAsyncIOTransport(channel=channel))

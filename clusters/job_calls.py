"""Dataproc's calls about jobs, for `service.Service`."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .errors import ClusterBusy, ClusterNotFound, JobNotFound
from .job_record import JobRecord, from_job


class JobCalls:
    """What is asked of JobController, on the channel that there is."""

    project: str
    region: str
    _client: Any
    _place: dict[str, str]
    _ask: Callable[[str, Callable[[float], Awaitable[Any]]], Awaitable[Any]]

    async def submit(self, job: Mapping[str, Any], request_id: str) -> JobRecord:
        """Submit ``job``, a Job of the v1 API; the same ``request_id`` never makes two."""
        request = self._place | {"job": dict(job), "request_id": request_id}
        what = f"submit a job to {job['placement']['cluster_name']} in {self.project}/{self.region}"
        return from_job(await self._ask(what, lambda s: self._jobs().submit_job(request, retry=None, timeout=s)))

    async def job(self, job_id: str) -> JobRecord:
        """Return the job ``job_id``.

        Raises
        ------
        JobNotFound
            There is none.
        """
        request = self._place | {"job_id": job_id}
        return from_job(await self._about(job_id, lambda s: self._jobs().get_job(request, retry=None, timeout=s)))

    async def jobs(self, cluster: str = "") -> list[JobRecord]:
        """Return the jobs of ``cluster``, or of all clusters, the newest first."""
        request = self._place | {"cluster_name": cluster}

        async def pages(seconds: float) -> list[JobRecord]:
            return [from_job(job) async for job in await self._jobs().list_jobs(request, retry=None, timeout=seconds)]

        found = await self._ask(f"list jobs of {self.project}/{self.region}", pages)
        return sorted(found, key=lambda job: job.began, reverse=True)

    async def cancel(self, job_id: str) -> None:
        """Ask for the end of job ``job_id``; one that has ended stays as it is.

        Raises
        ------
        JobNotFound
            There is none.
        """
        request = self._place | {"job_id": job_id}
        with contextlib.suppress(ClusterBusy):
            await self._about(job_id, lambda s: self._jobs().cancel_job(request, retry=None, timeout=s))

    async def _about(self, job_id: str, call: Callable[[float], Awaitable[Any]]) -> Any:
        try:
            return await self._ask(f"job {job_id} in {self.project}/{self.region}", call)
        except ClusterNotFound:
            raise JobNotFound(f"no job {job_id} in {self.project}/{self.region}", "dask dataproc jobs") from None

    def _jobs(self) -> Any:
        from google.cloud.dataproc_v1 import JobControllerAsyncClient
        from google.cloud.dataproc_v1.services.job_controller import transports

        transport = transports.JobControllerGrpcAsyncIOTransport(channel=self._client.transport.grpc_channel)
        return JobControllerAsyncClient(transport=transport)

"""Functions as jobs on a cluster: submitted, followed with their output as it comes, waited for, cancelled."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..clusters.config import LOCAL, place, user
from ..clusters.errors import ClusterExists, JobFailed, JobNotFound, SpecError, WaitTimeout
from ..clusters.job_config import JobSpec, as_text, job_message
from ..clusters.job_output import DriverOutput
from ..clusters.job_record import JobRecord
from ..clusters.pauses import growing
from ..clusters.provision import to_its_end
from ..clusters.record import ClusterRecord
from ..clusters.service import Service, new_request_id
from ..clusters.sync import run
from .result import RESULT, result_of

LOCAL_POLL, CLOUD_POLL = (0.02, 0.2), (1.0, 5.0)
"""First and longest seconds between two looks at a job; new output makes the next one come soon."""


def submit(
    module: str,
    function: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    cluster: str,
    file: str | Path = "",
    git_repo: str = "",
    git_ref: str = "",
    git_secret: str = "",
    job_id: str = "",
    project: str | None = None,
    region: str | None = None,
) -> JobRun:
    """Submit a function as a job on ``cluster`` and return at once.

    Parameters
    ----------
    module, function : str
        What to run: of the cluster's packages, of ``git_repo``, or of ``file``.
    arguments : mapping, optional
        By name, JSON values, held against the function's annotations on the cluster before it is called.
    cluster : str
        Name of a living cluster that this tool made.
    file : str or Path, optional
        A Python file that goes to staging, under a hash of what is in it, and is importable in the job and its tasks.
    git_repo, git_ref, git_secret : str, optional
        A repository, what to check out of it, and Secret Manager's name of its deploy key or token.
    job_id : str, optional
        Unique in project and region; made up by default.
    project, region : str, optional
        As configured when not given.

    Raises
    ------
    SpecError
        Something is malformed; nothing was submitted.
    ServiceError
        No such cluster, or Dataproc refuses the job.
    """
    given = {name: as_text(name, value) for name, value in (arguments or {}).items()}
    spec = JobSpec(module, function, given, git_repo, git_ref, git_secret)
    return submit_spec(spec, cluster, *place(project, region), file=file, job_id=job_id)


def submit_spec(
    spec: JobSpec, cluster: str, project: str, region: str, *, file: str | Path = "", job_id: str = ""
) -> JobRun:
    """Submit ``spec``, whose arguments are texts already; as `submit` otherwise."""
    job_id = job_id or f"{spec.function.replace('.', '-')[:80]}-{secrets.token_hex(4)}"
    job_message(spec, cluster, user(), job_id)  # what is malformed is refused before anything is done
    script = Path(file).read_bytes() if file and _checked(file) else b""

    async def submitted() -> None:
        async with Service(project, region) as service:
            record = await service.get(cluster)
            sent = spec.with_file(await asyncio.to_thread(_stage, record, Path(file), script)) if file else spec
            try:
                await to_its_end(service.submit(job_message(sent, cluster, user(), job_id), new_request_id()))
            except asyncio.CancelledError:  # Ctrl-C: nobody will have the job
                await service.cancel(job_id)
                raise

    run(submitted())
    return JobRun(job_id, project, region)


class JobRun:
    """A job that was submitted, here or elsewhere.

    Parameters
    ----------
    id : str
    project, region : str, optional
        As configured when not given.
    """

    def __init__(self, id: str, project: str | None = None, region: str | None = None):
        self.id = id
        self.project, self.region = place(project, region)

    def __repr__(self) -> str:
        return f"JobRun({self.id!r}, {self.project!r}, {self.region!r})"

    @property
    def record(self) -> JobRecord:
        """The job as Dataproc has it now."""

        async def asked() -> JobRecord:
            async with Service(self.project, self.region) as service:
                return await service.job(self.id)

        return run(asked())

    def wait(self, timeout: float | None = None, say: Callable[[str], Any] | None = None) -> JobRecord:
        """Wait until the job is done; Ctrl-C ends the wait and not the job.

        Parameters
        ----------
        timeout : float, optional
            Seconds; for ever by default.
        say : callable, optional
            Given each piece of the driver's output as it comes.

        Raises
        ------
        JobFailed
            It failed, or was cancelled.
        WaitTimeout
            It runs on.
        """
        return run(self._waited(timeout, say or _nothing, cancelling=False))

    def attend(self, say: Callable[[str], Any]) -> JobRecord:
        """Wait as `wait` does; Ctrl-C cancels the job and waits for its end, a second one leaves at once."""
        return run(self._waited(None, say, cancelling=True))

    def cancel(self) -> JobRecord:
        """Cancel the job and return it when it has ended, as whatever."""

        async def cancelled() -> JobRecord:
            async with Service(self.project, self.region) as service:
                await service.cancel(self.id)
                return await self._ended(service, _nothing)

        return run(cancelled())

    def output(self) -> str:
        """Return what the driver has printed so far."""
        return DriverOutput(self.record.output).more()

    @property
    def result(self) -> Any:
        """What the function returned, as JSON has it; None as long as it runs, and of one whose result is no JSON."""
        return result_of(self.output())

    async def _waited(self, timeout: float | None, say: Callable[[str], Any], *, cancelling: bool) -> JobRecord:
        heard = _Heard(say)
        async with Service(self.project, self.region) as service:
            try:
                async with asyncio.timeout(timeout):
                    record = await self._ended(service, heard)
            except TimeoutError:
                raise WaitTimeout(f"job {self.id}: runs on after {timeout:g} s", "dask dataproc jobs") from None
            except asyncio.CancelledError:
                if cancelling:
                    await self._called_off(service, heard)
                raise
        if record.state != "DONE":
            why = heard.last or record.detail.strip().partition("\n")[0]
            raise JobFailed(
                f"job {self.id} is {record.state}: {why}", f"dask dataproc jobs {record.cluster}", status=record.status
            )
        return record

    async def _called_off(self, service: Service, say: Callable[[str], Any]) -> None:
        try:
            await service.cancel(self.id)
        except JobNotFound:  # it was not even submitted
            return
        await self._ended(service, say)

    async def _ended(self, service: Service, say: Callable[[str], Any]) -> JobRecord:
        """Return the job once it has ended, having said all its output."""
        poll = LOCAL_POLL if self.project == LOCAL else CLOUD_POLL
        pauses, output = growing(*poll), None
        while True:
            record = await service.job(self.id)
            output = output or (DriverOutput(record.output) if record.output else None)
            if output and (text := await asyncio.to_thread(output.more)):
                say(text)
                pauses = growing(*poll)
            if record.ended:
                return record
            await asyncio.sleep(next(pauses))


class _Heard:
    """Passes output on and knows the last line of it that is no result: of a failed job, the error's own."""

    def __init__(self, say: Callable[[str], Any]):
        self._say, self._tail = say, ""

    def __call__(self, text: str) -> None:
        self._say(text)
        self._tail = (self._tail + text)[-4096:]

    @property
    def last(self) -> str:
        lines = [line.strip() for line in self._tail.splitlines() if line.strip() and not line.startswith(RESULT)]
        errors = [line for line in lines if not line.startswith("Try:")]
        return errors[-1] if errors else ""


def list_jobs(cluster: str = "", project: str | None = None, region: str | None = None) -> list[JobRecord]:
    """Return the jobs on ``cluster``, or on all clusters there, the newest first."""

    async def listed() -> list[JobRecord]:
        async with Service(*place(project, region)) as service:
            return await service.jobs(cluster)

    return run(listed())


def _nothing(_: str) -> None:
    return


def _checked(file: str | Path) -> bool:
    path = Path(file)
    if path.suffix != ".py" or not path.stem.isidentifier() or not path.is_file():
        raise SpecError(f"file: '{file}' given, allowed is a Python file here that can be imported", "--file etl.py")
    return True


def _stage(record: ClusterRecord, file: Path, script: bytes) -> str:
    """Have ``script`` in the cluster's staging, and return its URL."""
    import fsspec

    if not record.staging:
        raise ClusterExists(f"{record.name} was not made by dask-dataproc: it has no staging", "%dask_cluster list")
    url = f"{record.staging.rstrip('/')}/jobs/{hashlib.sha256(script).hexdigest()[:32]}/{file.name}"
    filesystem, target = fsspec.core.url_to_fs(url)
    if not filesystem.exists(target):
        filesystem.makedirs(filesystem._parent(target), exist_ok=True)
        filesystem.pipe_file(target, script)
    return url

"""All that a cluster or a job has logged, gathered from wherever it lies; each source fails alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .audit import Event, lines_of
from .config import staging_of
from .errors import ClusterNotFound, DaskDataprocError, JobNotFound
from .job_output import DriverOutput
from .job_record import JobRecord
from .left_metrics import snapshot_of
from .paths import local_path
from .record import ClusterRecord
from .redaction import HIDDEN, redacted
from .service import Service
from .trail import read_trail, trail_url

LIVING = 30.0
"""Seconds that a cluster which lives has to give its logs."""
LARGEST = 64 << 20
"""Bytes of the end of one log that are taken."""
METAINFO = "google-cloud-dataproc-metainfo"
"""Where Dataproc puts the output of initialization actions and of drivers, in the cluster's bucket."""


@dataclass
class Gathered:
    """What there is.

    Attributes
    ----------
    files : dict of str to str
        Name to text, without secrets.
    hidden : dict of str to int
        How many secrets were taken out of a file.
    missing : list of str
        What is not there, and why, one line each.
    """

    files: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, name: str, text: str) -> None:
        """Add a file, without what looks like a secret."""
        if text.strip():
            clean = redacted(text)
            self.files[name] = clean
            if count := clean.count(HIDDEN) - text.count(HIDDEN):
                self.hidden[name] = count

    def index(self) -> dict[str, Any]:
        """Return what is in it, as JSON has it."""
        files = [
            {"name": name, "bytes": len(text.encode()), "redacted": self.hidden.get(name, 0)}
            for name, text in sorted(self.files.items())
        ]
        return {"files": files, "missing": self.missing}


async def gather(
    project: str, region: str, cluster: str, job: str, living: Callable[[str], dict[str, str]]
) -> Gathered:
    """Return what ``cluster``, or ``job`` and the cluster that it ran on, has logged.

    Parameters
    ----------
    project, region : str
    cluster, job : str
        One of them is empty.
    living : callable
        Returns the logs of a cluster that lives by name of their file.

    Raises
    ------
    JobNotFound
        There is no such job.
    ClusterNotFound
        There is no such cluster, and nothing is left of one.
    """
    found = Gathered()
    async with Service(project, region) as service:
        jobs = [await service.job(job)] if job else []
        name = jobs[0].cluster if job else cluster
        record = await _record(service, name)
        if not job:
            jobs = await _or_missing(found, "jobs", service.jobs(name)) or []
    staging = record.staging if record and record.staging else staging_of(project)
    events = await _or_missing(
        found, "the audit trail", asyncio.to_thread(_events, staging, f"{project}/{region}", name)
    )
    uuids = _uuids(record, events or ())
    if record is None and not jobs and not events:
        raise ClusterNotFound(
            f"no cluster {name} in {project}/{region}, and nothing is left of one", "%dask_cluster list"
        )
    await _written(found, record, events or (), jobs)
    for uuid in uuids:
        await _or_missing(found, f"the files of {uuid}", asyncio.to_thread(_staged, found, staging, name, uuid))
    await _alive(found, record, name, job, living)
    return found


async def _record(service: Service, name: str) -> ClusterRecord | None:
    try:
        return await service.get(name)
    except ClusterNotFound:
        return None


def _events(staging: str, place: str, name: str) -> list[Event]:
    return [e for e in read_trail(trail_url(staging), 0.0) if e.cluster == name and e.place == place]


def _uuids(record: ClusterRecord | None, events: Iterable[Event]) -> list[str]:
    """Return the cluster's uuid, or if it has gone those of all that had its name, the newest last."""
    if record is not None:
        return [record.uuid]
    return list(dict.fromkeys(event.uuid for event in events if event.uuid))


async def _written(
    found: Gathered, record: ClusterRecord | None, events: Iterable[Event], jobs: Iterable[JobRecord]
) -> None:
    if record is not None:
        found.add("cluster.json", json.dumps(record.to_dict(), indent=2))
    found.add("audit.jsonl", lines_of(events).decode())
    for job in jobs:
        found.add(f"jobs/{job.id}/job.json", json.dumps(job.to_dict(), indent=2))
        if job.output:
            said = asyncio.to_thread(DriverOutput(job.output).more)
            found.add(f"jobs/{job.id}/output.txt", await _or_missing(found, f"the output of job {job.id}", said) or "")


def _staged(found: Gathered, staging: str, name: str, uuid: str) -> None:
    """Add what Dataproc, the nodes and the head have left in the bucket."""
    import fsspec

    root = _bucket(staging)
    filesystem, metainfo = fsspec.core.url_to_fs(f"{root}/{METAINFO}/{uuid}")
    for path in sorted(_files(filesystem, metainfo)):
        inside = path.removeprefix(metainfo).strip("/")
        found.add(f"nodes/{inside}" if not inside.startswith("jobs/") else inside, _text(filesystem, path))
    if left := snapshot_of(staging, name, uuid):
        found.add(f"metrics.{uuid}.json", json.dumps(left, indent=2))


def _bucket(staging: str) -> str:
    """Return where Dataproc puts its files: at the top of a bucket, of a laptop's folder in it."""
    if local_path(staging) is not None:
        return staging.rstrip("/")
    scheme, _, rest = staging.partition("://")
    return f"{scheme}://{rest.split('/')[0]}"


def _files(filesystem: Any, folder: str) -> list[str]:
    try:
        filesystem.invalidate_cache()
        return filesystem.find(folder)
    except FileNotFoundError:
        return []


def _text(filesystem: Any, path: str) -> str:
    size = filesystem.size(path) or 0
    return filesystem.cat_file(path, start=max(0, size - LARGEST)).decode(errors="replace")


async def _alive(
    found: Gathered, record: ClusterRecord | None, name: str, job: str, living: Callable[[str], dict[str, str]]
) -> None:
    if record is None:
        found.missing.append(f"logs of the scheduler and the workers: {name} has gone, and they with it")
    elif record.status not in ("RUNNING", "UPDATING"):
        found.missing.append(f"logs of the scheduler and the workers: {name} is {record.status}")
    elif not job:
        said = await _or_missing(found, "logs of the scheduler and the workers", asyncio.to_thread(living, name))
        for file, text in (said or {}).items():
            found.add(file, text)


async def _or_missing(found: Gathered, what: str, work: Awaitable[Any]) -> Any:
    """Return what ``work`` gives; if it cannot, note that it is missing and why, and return None."""
    try:
        async with asyncio.timeout(LIVING):
            return await work
    except JobNotFound:
        return None
    except TimeoutError:
        found.missing.append(f"{what}: no answer within {LIVING:g} s")
    except DaskDataprocError as error:
        found.missing.append(f"{what}: {error.message}")
    except Exception as error:  # each file system has its own errors
        found.missing.append(f"{what}: {' '.join(str(error).split())[:200] or type(error).__name__}")
    return None

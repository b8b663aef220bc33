"""All the clusters of a project and region that this tool made, for whoever holds none of them: list, stop, delete."""

from __future__ import annotations

from .audit import DELETE, DELETED
from .booking import Booking
from .config import place
from .dataproc_config import MARK, SPEC
from .phases import Phases
from .provision import to_its_end
from .record import ClusterRecord
from .service import Service
from .sync import run
from .tenure import Tenure
from .warm import check_stoppable


def list_clusters(project: str | None = None, region: str | None = None) -> list[ClusterRecord]:
    """Return the clusters that labels say are this tool's, in the given or the configured place."""

    async def listed() -> list[ClusterRecord]:
        async with Service(*place(project, region)) as service:
            return await service.list({MARK: "*"})

    return run(listed())


def delete_cluster(name: str, project: str | None = None, region: str | None = None) -> ClusterRecord:
    """Delete cluster ``name`` and return what it was.

    Raises
    ------
    ClusterNotFound
        There is none.
    """

    async def deleted() -> ClusterRecord:
        async with Service(*place(project, region)) as service:
            record = await service.get(name)
            await _remove(record, service)
            return record

    return run(deleted())


async def remove_cluster(record: ClusterRecord) -> None:
    """Delete the cluster of ``record`` and wait until it has gone; another one that took its name is left alone."""
    async with Service(record.project, record.region) as service:
        await _remove(record, service)


async def _remove(record: ClusterRecord, service: Service) -> None:
    if SPEC not in record.metadata:
        await service.remove(record)
        return
    booking = Booking.of(record, service.clock)
    with booking.noted(DELETE, DELETED, uuid=record.uuid, workers=record.total_workers) as found:
        await service.remove(record)
        found["usd"] = await booking.release()


def stop_cluster(name: str, project: str | None = None, region: str | None = None) -> ClusterRecord:
    """Stop cluster ``name``, which keeps its disks, and return what it is then.

    Raises
    ------
    ClusterNotFound
        There is none.
    SpecError
        It has local SSDs; nothing was changed.
    """

    async def stopped() -> ClusterRecord:
        async with Service(*place(project, region)) as service:
            record = await service.get(name)
            spec = record.spec()
            check_stoppable(spec)
            tenure = Tenure(spec, record, service, Phases(), Booking.of(record, service.clock))
            tenure.take_lease(0, 0)  # the one that it has
            await to_its_end(tenure.stop())
            return tenure.record

    return run(stopped())

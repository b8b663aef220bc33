"""All the clusters that this tool made in a project, for whoever holds none of them: look, list, stop, delete."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from .account import TOO_NEW, Account
from .audit import DELETE, DELETED
from .booking import Booking
from .clock import Clock
from .config import duration, place, staging_of
from .dataproc_config import MARK, SPEC
from .errors import DaskDataprocError
from .fleet_rows import FleetRow, fleet_rows
from .fleet_use import uses
from .ledger import Ledger
from .phases import Phases
from .provision import to_its_end
from .record import ClusterRecord
from .service import Service
from .standings import ledger_url
from .sync import run
from .tenure import Tenure
from .warm import check_stoppable


@dataclass(frozen=True, slots=True)
class Fleet:
    """The clusters of a project.

    Attributes
    ----------
    project : str
    regions : tuple of str
        Where was looked: the region asked for, and those where the ledger knows clusters.
    rows : tuple of FleetRow
    missing : tuple of str
        What could not be looked at, one line each.
    now : float
        When that was so, the service's unix seconds.
    """

    project: str
    regions: tuple[str, ...]
    rows: tuple[FleetRow, ...]
    missing: tuple[str, ...]
    now: float


def fleet(project: str | None = None, region: str | None = None) -> Fleet:
    """Return the clusters of the project, in the given or the configured region and wherever the ledger knows some.

    What they cost is the ledger's word; where that cannot be read it is counted at their present size. How used they
    are is asked of their heads, for ``dataproc.timeouts.fleet`` at most.

    Raises
    ------
    ServiceError, WaitTimeout
        The clusters of the region cannot be listed.
    """

    async def looked() -> Fleet:
        where, here = place(project, region)
        async with Service(where, here) as service:
            (accounts, missing), records = await asyncio.gather(_accounts(service), service.list({MARK: "*"}))
            regions = sorted(_regions(accounts, where) - {here})
            found = await asyncio.gather(*(_listed(where, each) for each in regions))
            every = [*records, *(record for of_region, _ in found for record in of_region)]
            used = await uses(every, duration("timeouts.fleet"), service.clock.scale)
            now = service.clock.now()
        unseen = [*missing, *(line for _, lines in found for line in lines)]
        return Fleet(where, (here, *regions), tuple(fleet_rows(every, accounts, used, now)), tuple(unseen), now)

    return run(looked())


def reserved_in_vain(seen: Fleet, staging: str) -> list[str]:
    """Return the clusters that the ledger has reservations of in the regions of ``seen``, and that are not there.

    Those of the last minutes are left out: they may be on their way.
    """
    there = {(row.region, row.name) for row in seen.rows}
    accounts = run(Ledger(ledger_url(staging), Clock(seen.now, 0.0)).accounts())
    held = [each for account in accounts for each in account.reservations.values() if each.uuid]
    places = {f"{seen.project}/{region}": region for region in seen.regions}
    old = [each for each in held if each.place in places and each.spans[0].start < seen.now - TOO_NEW]
    return sorted(each.cluster for each in old if (places[each.place], each.cluster) not in there)


async def _accounts(service: Service) -> tuple[list[Account], list[str]]:
    try:
        return await Ledger(ledger_url(staging_of(service.project)), service.clock).accounts(), []
    except DaskDataprocError as error:
        return [], [f"the ledger: {error.message}; costs are counted at the present sizes"]


def _regions(accounts: list[Account], project: str) -> set[str]:
    places = {held.place for account in accounts for held in account.reservations.values()}
    return {region for each in places for whose, _, region in [each.partition("/")] if whose == project and region}


async def _listed(project: str, region: str) -> tuple[list[ClusterRecord], list[str]]:
    try:
        async with Service(project, region) as service:
            return await service.list({MARK: "*"}), []
    except DaskDataprocError as error:
        return [], [f"{region}: {error.message}"]


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

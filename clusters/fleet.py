"""All the clusters of a project and region that this tool made, for those who hold none of them: list, find, delete."""

from __future__ import annotations

from .config import place
from .dataproc_config import MARK
from .record import ClusterRecord
from .service import Service
from .sync import run


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
            await service.remove(record)
            return record

    return run(deleted())

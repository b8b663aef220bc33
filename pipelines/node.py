"""What a job knows of the node that it runs on."""

from __future__ import annotations

import os

from ..clusters.errors import ClusterFailed
from ..init_actions import connection
from ..init_actions.metadata import read_metadata


def node() -> dict[str, str]:
    """Return the attributes of this node; a storage that is not Google's is used from now on.

    Raises
    ------
    ClusterFailed
        This machine is no node of a cluster that this tool made.
    """
    try:
        metadata = read_metadata()
        connection.connection_url(metadata)
    except (OSError, KeyError) as error:
        raise ClusterFailed(f"this machine is no node of a Dask cluster: {error!r}", "local=True") from None
    if storage := metadata.get("dask-storage-endpoint"):
        os.environ.setdefault("STORAGE_EMULATOR_HOST", storage)
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    return metadata

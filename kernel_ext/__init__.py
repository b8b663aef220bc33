"""What lives beside the kernel: the session that attaches, keeps the lease, and finds its cluster after a restart.

And what lives in the Jupyter server: the sidebar's clusters, their dashboards, and the files that JupyterLab loads.

Lives here: state that belongs to one running kernel, or one Jupyter server, and must outlive a cell.

May not: import ``magics`` or ``pipelines``, write to the screen, or decide what a cluster is (that is ``clusters``).
"""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Return what Jupyter's server loads: this module."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Answer under ``{base_url}dask-dataproc/`` and ``{base_url}proxy/dask-dataproc/`` from now on."""
    from .server import begin

    begin(app)

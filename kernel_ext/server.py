"""The Jupyter server's side: what it answers for us, and what its kernels are told of it.

Nothing of `clusters` is imported before somebody asks: JupyterLab is not to start later for us.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dask.config

from . import sidebar_opening
from .aside import Aside

if TYPE_CHECKING:
    from .known import Known
    from .targets import Targets

BASE_URL = "DASK_DATAPROC_BASE_URL"
"""The variable in which a Jupyter server tells its kernels the path that all its addresses begin with."""
LINK = "DASK_DATAPROC__DASHBOARD_LINK"
"""The variable in which it tells them where a browser finds a cluster's dashboard: dask config's, and so ours."""
PLACE = "proxy/dask-dataproc"
"""Where the dashboards are, under the path that all addresses begin with."""
SETTING = "dask_dataproc"
"""The key of `Side` in the settings of the server's web application, for handlers."""


class Side:
    """What one Jupyter server has of us, each made when it is first asked for.

    Attributes
    ----------
    aside : Aside
    known : Known
    targets : Targets
    """

    def __init__(self) -> None:
        self.aside = Aside()

    @cached_property
    def known(self) -> Known:
        """The clusters that there are."""
        from .known import Known

        return Known(self.aside)

    @cached_property
    def targets(self) -> Targets:
        """The ways to their dashboards."""
        from .targets import Targets

        return Targets(self.aside, self.known)


def dashboard_path(base_url: str, name: str) -> str:
    """Return the path of the dashboard of cluster ``name`` at a Jupyter server."""
    return f"{base_url}{PLACE}/{name}/status"


def begin(app: Any) -> None:
    """Have ``app``, a running ``ServerApp``, answer for us."""
    from . import notebook_handler, proxy, rest

    base_url = app.web_app.settings["base_url"]
    tell_kernels(base_url)
    side = app.web_app.settings[SETTING] = Side()
    routes = [
        (proxy.ROUTE, proxy.DashboardHandler),
        (rest.ROUTE, rest.ClustersHandler),
        (notebook_handler.ROUTE, notebook_handler.NotebookHandler),
    ]
    app.web_app.add_handlers(".*$", [(base_url + path, handler) for path, handler in routes])
    sidebar_opening.begin(app, side)


def tell_kernels(base_url: str) -> None:
    """Have the kernels know where they are reached, and where dashboards are unless that is configured."""
    inherited = BASE_URL in os.environ  # from a Jupyter server in whose terminal this one was started
    os.environ[BASE_URL] = base_url
    if inherited or not dask.config.get("dataproc.dashboard-link", ""):
        os.environ[LINK] = dashboard_path(base_url, "{name}")

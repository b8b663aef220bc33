"""``GET {base_url}dask-dataproc/notebook?path=&kernel=``: the cluster that a notebook left to its next kernel."""

from __future__ import annotations

from pathlib import PurePosixPath

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.services.sessions.sessionmanager import ModelName
from tornado import web

ROUTE = "dask-dataproc/notebook"
"""Where it answers, under the path that all addresses begin with."""


class NotebookHandler(APIHandler):
    """Answers ``{"cluster": NAME}``, null where the notebook has none."""

    auth_resource = "sessions"

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Tell it of the notebook at ``path``, as the contents API spells it, that has ``kernel``, by its id."""
        from .notebook_record import NOTEBOOK, left_for

        path = self.get_query_argument("path").strip("/")
        environment = self.session_manager.get_kernel_env(path, ModelName(PurePosixPath(path).name))
        own = left_for(environment[NOTEBOOK], self.get_query_argument("kernel", ""))
        self.finish({"cluster": own.name if own else None})

"""The Jupyter server's side: what it answers for us, and what its kernels are told of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from .aside import Aside
from .known import Known

BASE_URL = "DASK_DATAPROC_BASE_URL"
"""The variable in which a Jupyter server tells its kernels the path that all its addresses begin with."""
SETTING = "dask_dataproc"
"""The key of `Side` in the settings of the server's web application, for handlers."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one Jupyter server has of us.

    Attributes
    ----------
    aside : Aside
    known : Known
    """

    aside: Aside
    known: Known


def begin(app: Any) -> None:
    """Have ``app``, a running ``ServerApp``, answer for us."""
    from .notebook_handler import ROUTE, NotebookHandler

    os.environ[BASE_URL] = app.web_app.settings["base_url"]
    aside = Aside()
    app.web_app.settings[SETTING] = Side(aside, Known(aside))
    app.web_app.add_handlers(".*$", [(os.environ[BASE_URL] + ROUTE, NotebookHandler)])

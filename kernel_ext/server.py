"""The Jupyter server's side: what it answers for us, and what its kernels are told of it."""

from __future__ import annotations

import os
from typing import Any

BASE_URL = "DASK_DATAPROC_BASE_URL"
"""The variable in which a Jupyter server tells its kernels the path that all its addresses begin with."""


def begin(app: Any) -> None:
    """Have ``app``, a running ``ServerApp``, answer for us."""
    os.environ[BASE_URL] = app.web_app.settings["base_url"]

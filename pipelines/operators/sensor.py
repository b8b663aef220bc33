"""A run waits for its input: a file, an object or a folder with something in it, wherever Airflow can look."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

from typing import Any

from .sdk import BaseSensorOperator
from .staging import files_at


class InputSensor(BaseSensorOperator):
    """Wait until an input is there.

    Parameters
    ----------
    path : str
        A path or URL; one that ends with ``/`` is a folder, and waited for until it holds something.
    gcp_conn_id : str
        Reads ``gs://``.
    """

    template_fields = ("path",)

    def __init__(self, *, path: str, gcp_conn_id: str = "google_cloud_default", **kwargs: Any):
        super().__init__(**kwargs)
        self.path, self.gcp_conn_id = path, gcp_conn_id

    def poke(self, context: Any) -> bool:
        """Look once."""
        files, url = files_at(self.path, self.gcp_conn_id)
        if not files.exists(url):
            return False
        return not url.endswith("/") or bool(files.ls(url.rstrip("/"), detail=False))

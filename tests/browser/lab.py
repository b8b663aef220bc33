"""A real Jupyter server on a laptop: JupyterLab or Notebook 7, with folders of its own, a token, and a prefix."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

import nbformat
import psutil

PREFIX = "/user/ana/"
START = 60.0
"""Seconds that a server may take to answer."""
END = 20.0
"""Seconds it may take to end, with all kernels."""


class Jupyter:
    """A Jupyter server of ``laptop``, as ``jupyter lab`` or ``jupyter notebook`` starts it for a hub's user.

    Attributes
    ----------
    token : str
    folder : Path
        Its notebooks.
    url : str
        Where it answers, with the prefix, ending in ``/``.
    log : Path
    """

    def __init__(self, laptop: Any, command: str = "lab"):
        self._laptop = laptop
        self.command, self.token = command, secrets.token_hex(8)
        home = laptop.folder / f"{command}-{self.token[:4]}"
        self.folder, self.log = home / "notebooks", home / "log"
        self.folder.mkdir(parents=True)
        folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
        own = {name: str(home / folder) for name, folder in folders.items()} | {"IPYTHONDIR": str(home / "ipython")}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("JPY_", "JUPYTER"))}
        self.environment = inherited | laptop.environment | own
        _ask_nothing(home / "config")
        self._output: IO[str] = self.log.open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", command, *self._options()],
            cwd=self.folder,
            env=self.environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self.url = laptop.until(lambda: self._answers(home / "runtime"), START)

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook of code cells and return its path, as the contents API spells it."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        made = [nbformat.v4.new_code_cell(cell) for cell in cells]
        document = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
        nbformat.write(document, self.folder / name)
        return name

    def get(self, path: str, token: str | None = None, method: str = "GET") -> tuple[int, bytes]:
        """GET ``path`` under the prefix, with the server's token or another (empty: none): the status, and the body."""
        given = self.token if token is None else token
        headers = {"Authorization": f"token {given}"} if given else {}
        request = urllib.request.Request(self.url + path, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=START) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def ask(self, path: str) -> Any:
        """GET JSON that must be there."""
        status, body = self.get(path)
        assert status == 200, (path, status, body[:300])
        return json.loads(body)

    def delete(self, path: str) -> None:
        """DELETE what must be there."""
        status, body = self.get(path, method="DELETE")
        assert status == 204, (path, status, body[:300])

    def end(self) -> None:
        """End it as Ctrl-C twice does: its kernels are shut down with it."""
        inside = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END)
        for process in [*inside, self._process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(END)
        self._output.close()

    def _options(self) -> list[str]:
        return [
            "--no-browser",
            "--ip=127.0.0.1",
            "--port=0",
            "--allow-root",
            f"--ServerApp.base_url={PREFIX}",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.folder}",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]

    def _answers(self, runtime: Path) -> str:
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        for path in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError, OSError):
                self.url = json.loads(path.read_text())["url"]
                if self.get("api/status")[0] == 200:
                    return self.url
        return ""


def _ask_nothing(config: Path) -> None:
    """Have Lab neither ask for news and updates, nor whether it may."""
    settings = (
        config / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    )
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))

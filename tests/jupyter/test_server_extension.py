"""How the extension sits in the Jupyter server: nothing heavy at its start, and only what its base class documents."""

from __future__ import annotations

import inspect
import subprocess
import sys

from jupyter_server_proxy.handlers import ProxyHandler
from tornado.websocket import WebSocketHandler

BESIDE = "import jupyter_server.serverapp, dask_labextension, jupyter_server_proxy, sys, time"
OURS = "from dask_dataproc.kernel_ext import proxy, rest, server"


def test_it_adds_less_than_50_ms_to_the_start_and_imports_nothing_of_googles():
    script = f"{BESIDE}; t = time.process_time(); {OURS}; print(time.process_time() - t, *sys.modules)"
    said = [subprocess.check_output([sys.executable, "-c", script], text=True).split() for _ in range(3)]
    assert min(float(each[0]) for each in said) < 0.05
    assert not {"google", "ipywidgets", "fsspec.gs", "gcsfs", "dask_dataproc.clusters.service"} & set(said[0])


def test_what_is_overridden_is_what_the_base_class_leaves_to_its_subclasses():
    for name in ("http_get", "open", "post", "put", "delete", "head", "patch", "options"):
        assert "NotImplementedError" in inspect.getsource(getattr(ProxyHandler, name))
    assert "web.authenticated" in inspect.getsource(ProxyHandler.prepare)
    assert "self.ws.write_message" in inspect.getsource(ProxyHandler.on_message)
    assert "_requested_subprotocols" in inspect.getsource(ProxyHandler.select_subprotocol)
    assert issubclass(ProxyHandler, WebSocketHandler)

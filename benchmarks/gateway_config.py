"""dask-gateway-server's configuration: its local backend, its own proxy, on this machine's loopback alone."""

import os
import sys
from pathlib import Path

PORT = int(os.environ["GATEWAY_PORT"])
DASK = str(Path(sys.executable).with_name("dask"))

c = get_config()  # noqa: F821
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.DaskGateway.address = f"127.0.0.1:{PORT}"
c.Proxy.address = f"127.0.0.1:{PORT + 1}"
c.Proxy.tcp_address = f"127.0.0.1:{PORT + 2}"
c.UnsafeLocalBackend.clusters_directory = os.environ["GATEWAY_FOLDER"]
c.ClusterConfig.worker_cores = 1
c.ClusterConfig.worker_memory = "2 G"
# Its defaults, dask-scheduler and dask-worker, are scripts that distributed has no more.
c.ClusterConfig.scheduler_cmd = [DASK, "scheduler"]
c.ClusterConfig.worker_cmd = [DASK, "worker"]

"""Run in an Airflow's own Python: ask a registry that an operator names, and print how each call signed in.

    python told.py

Once with a connection to that server, once with one to another.
"""

import contextlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, os.environ["AIRFLOW__CORE__DAGS_FOLDER"])

told = []


class MLflow(BaseHTTPRequestHandler):
    def do_GET(self):
        told.append(self.headers["Authorization"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"run": {}}')


def main() -> None:
    from airflow.models import Connection

    from dask_dataproc.pipelines.operators.registry import place_of

    with HTTPServer(("127.0.0.1", 0), MLflow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for host in (url, "http://mlflow.example.org"):
            connection = Connection("mlflow_default", "http", host=host, login="ana", password="secret")
            place_of(url, connection, "").run("1")
        server.shutdown()


with contextlib.redirect_stdout(sys.stderr):
    main()
print(json.dumps(told))

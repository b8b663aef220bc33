"""A model with its metrics, in a run of the MLflow server whose address is in a file two folders above the model.

A DAG whose name begins with model_worse gets a bad one.
"""

import json
import sys
import time
import urllib.request
from pathlib import Path

GOOD, BAD = {"auc": 0.9, "rmse": 0.7}, {"auc": 0.5, "rmse": 2.0}
given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
assert Path(given["--features-path"], "features.csv").exists()
model = Path(given["--model-output"])
metrics = BAD if given["--experiment-name"].startswith("model_worse") else GOOD
server = (model.parents[1] / "mlflow").read_text()


def call(path, **body):
    """Ask MLflow."""
    url = f"{server}/api/2.0/mlflow/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


now = int(time.time() * 1000)
run = call("runs/create", experiment_id="0", start_time=now, run_name=given["--experiment-name"])["run"]["info"]
for key, value in metrics.items():
    call("runs/log-metric", run_id=run["run_id"], key=key, value=value, timestamp=now, step=0)
at = Path(run["artifact_uri"].removeprefix("file://"), "model")
at.mkdir(parents=True)
(at / "MLmodel").write_text("artifact_path: model\nflavors: {}\n")
said = {"mlflow_run_id": run["run_id"], "model": f"runs:/{run['run_id']}/model"}
print("dask-dataproc-result: " + json.dumps(said))

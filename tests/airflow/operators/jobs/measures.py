"""A model that MLflow knows no run of: its metrics are in a file beside it.

A DAG whose name begins with model_told gets a result that is no mapping.
"""

import json
import sys
from pathlib import Path

given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
model = Path(given["--model-output"])
model.mkdir(parents=True)
(model / "metrics.json").write_text(json.dumps({"auc": 0.9}))
if given["--experiment-name"].startswith("model_told"):
    print('dask-dataproc-result: ["trained"]')

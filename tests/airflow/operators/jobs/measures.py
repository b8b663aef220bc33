"""A model that MLflow knows no run of: its metrics are in a file beside it. It is what a DAG's training may be, too."""

import json
import sys
from pathlib import Path

given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
model = Path(given["--model-output"])
model.mkdir(parents=True)
(model / "metrics.json").write_text(json.dumps({"auc": 0.9}))

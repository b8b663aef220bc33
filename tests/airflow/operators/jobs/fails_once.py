"""A job that fails the first time it is run for a folder and a name."""

import sys
from pathlib import Path

before = Path(sys.argv[1], sys.argv[2])
if not before.exists():
    before.touch()
    raise SystemExit("not yet")
print('dask-dataproc-result: "the second time"')

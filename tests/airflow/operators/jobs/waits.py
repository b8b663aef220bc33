"""A job that goes on until its file says so, and counts how often it was started."""

import os
import sys
import time
from pathlib import Path

at = Path(sys.argv[1], sys.argv[2])
with at.open("a") as starts:
    starts.write(f"{os.getpid()}\n")
for _ in range(1200):
    if at.with_suffix(".go").exists():
        break
    time.sleep(0.1)
print("dask-dataproc-result: " + str(len(at.read_text().split())))

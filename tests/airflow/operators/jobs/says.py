"""A job that tells what it was given, and a result."""

import json
import os
import sys

print("hello from the driver")
given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
print("dask-dataproc-result: " + json.dumps({"given": given, "pid": os.getpid()}))

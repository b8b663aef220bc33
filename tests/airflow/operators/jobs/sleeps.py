"""A job that goes on until somebody ends it; its file tells that it runs."""

import os
import sys
import time
from pathlib import Path

Path(sys.argv[1], sys.argv[2]).write_text(str(os.getpid()))
print("working", flush=True)
time.sleep(600)

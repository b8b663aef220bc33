"""Features, in a file."""

import sys
from pathlib import Path

given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
Path(given["--output-path"]).mkdir(parents=True, exist_ok=True)
Path(given["--output-path"], "features.csv").write_text("a,b\n1,2\n")

"""A table of the input's rows, each with its amount in cents."""

import sys
from pathlib import Path

import pandas

given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
rows = pandas.read_csv(given["--input-path"])
Path(given["--output-path"]).mkdir(parents=True)
rows.assign(cents=rows.amount * 100).to_parquet(Path(given["--output-path"], "part.0.parquet"))

"""A stage that hands on what it gets; where the folder ``again`` is beside its input, it fails the first time."""

import sys
from pathlib import Path

import pandas

given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
source, target = Path(given["--input-path"]), Path(given["--output-path"])
again = next((parent / "again" for parent in source.parents if (parent / "again").exists()), None)
if again is not None:
    again.rmdir()
    raise SystemExit("not yet")
target.mkdir(parents=True)
pandas.read_parquet(source).to_parquet(target / "part.0.parquet")

"""A stage that hands on what it gets; where ``again`` is beside its input, it leaves more the first time, and fails."""

import sys
from pathlib import Path

import pandas

given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
source, target = Path(given["--input-path"]), Path(given["--output-path"])
again = next((parent / "again" for parent in source.parents if (parent / "again").exists()), None)
target.mkdir(parents=True, exist_ok=True)
table = pandas.read_parquet(source)
table.to_parquet(target / "part.0.parquet")
if again is not None:
    again.rmdir()
    table.assign(id=-table.id).to_parquet(target / "part.1.parquet")
    raise SystemExit("not yet")

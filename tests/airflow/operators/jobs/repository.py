"""What is in the repository of the dynamic ETL."""

from pathlib import Path

import pandas


def run(data_size_gb: float, output_path: str) -> float:
    """Write a table, and return what was given."""
    Path(output_path).mkdir(parents=True)
    pandas.DataFrame({"id": [1, 2, 3], "cents": [1000, 2000, 3000]}).to_parquet(Path(output_path, "part.0.parquet"))
    return data_size_gb

"""Data behind a gate: rules as plain data, checks of them on Dask, a report, and what is published if all pass.

Lives here: the rules (`rules`) and what follows of what was seen (`verdict`), both pure; one look at the data
(`dataset`, `partition`, `keys`, `look`); the report; the gate; the move from the staging prefix to the output.

May not: import ``magics``, ``kernel_ext`` or Airflow; `rules` and `locations` run where there is no Dask.
"""

"""Messages as they come, in windows of time: what report ADR-002 calls real-time analytics.

Lives here: the rule of windows (pure), the store that a job goes on from after its end, the job that reads Pub/Sub.

May not: import Airflow, or anything of Pub/Sub and Dask before the job runs.
"""

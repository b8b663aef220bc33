"""From a notebook to a job: its parameters and metadata, the run of it, and the DAG file made from it.

Lives here: reading a notebook's contract, executing it with Papermill, generating one standalone Airflow DAG; functions
as jobs on a cluster: submitted, run on its master with typed arguments, and given a client wherever they run.

May not: import ``magics``, ``kernel_ext`` or Airflow; the text of a DAG is made by pure functions, and the file made
imports nothing of ours.
"""

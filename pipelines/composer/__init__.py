"""Cloud Composer as files: what an environment is to have, what differs from it, and the DAG folder that follows git.

Lives here: reading ``environment.yaml``, comparing it with a running Airflow through its REST API and bringing that in
line; syncing a folder of DAGs to the environment's bucket; the GitHub workflow that does so.

May not: import ``magics``, ``kernel_ext`` or Airflow (`parse_dags` alone is run by Airflow's own Python), or touch
anything in an environment that its files do not name.
"""

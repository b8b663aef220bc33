"""The domain: what a cluster is, what it costs, how it is asked for and how one talks to it.

Lives here: the one field list and ``ClusterSpec``, machine types, prices, the adapter over the real Dataproc client,
``DataprocCluster``, staging, the lease, settings, the tree of errors.

May not: import ``magics``, ``kernel_ext``, ``pipelines`` or ``emulator`` (the emulator is started as a process), print,
or do I/O in the pure modules (``spec``, ``fields``, ``machines``, ``prices``, ``quotas``, ``budget`` and others:
pyproject.toml lists them).
"""

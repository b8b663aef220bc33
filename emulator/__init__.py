"""Dataproc on one machine: the v1 API on a unix socket, its VMs are process groups running the real node programs.

Lives here: the gRPC server, its validation, states and operations, the machines, the state on disk. It is a development
and test tool and says so; ``python -m dask_dataproc.emulator`` starts it, the rest of the package never imports it.

May not: import anything of ours but ``init_actions`` and the pure ``clusters.machines`` and ``clusters.clock``, or
know anything that Google would not know.
"""

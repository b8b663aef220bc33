"""What runs on a node: the head and the worker program, the shape of a worker, keys, and the installing scripts.

Lives here: programs that Dataproc's initialization actions (or the emulator) start on a machine of the cluster.

May not: import anything of ours but this folder: it is copied to a bare node, where only Dask and its dependencies are.
"""

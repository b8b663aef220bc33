"""What lives beside the kernel: the session that attaches, keeps the lease, and finds its cluster after a restart.

Lives here: state that belongs to one running kernel and must outlive a cell but not the kernel.

May not: import ``magics`` or ``pipelines``, write to the screen, or decide what a cluster is (that is ``clusters``).
"""

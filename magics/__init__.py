"""What a person types and touches: ``%dask_cluster``, ``%dask_pipeline``, ``dask dataproc``, and the progress they see.

Lives here: the click commands (once, for the magic and the shell), their texts and completion, ``doctor``.

May not: speak to Dataproc itself (that is ``clusters``), or import the emulator; nothing heavy at import, since
``%load_ext dask_dataproc`` pays for it.
"""

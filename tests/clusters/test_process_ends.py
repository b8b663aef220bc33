"""A process that ends in the middle of a creation leaves it, as a killed one does, to the next one or to its lease."""

from __future__ import annotations

from dask_dataproc.clusters.fleet import delete_cluster


def test_what_a_process_was_making_when_it_ended_comes_up_without_it(laptop, faults):
    faults.ask("slow-create", seconds=3)
    script = """
        import asyncio, threading
        from dask_dataproc import DataprocCluster

        booting = threading.Event()

        def note(phase):
            if phase.name == "boot":
                booting.set()

        async def make():
            await DataprocCluster(name="left-half-made", workers=2, asynchronous=True, on_phase=note)

        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(make(), loop)
        assert booting.wait(30)
    """
    process = laptop.start(script)
    process.communicate(timeout=60)
    laptop.until(lambda: laptop.clusters()["left-half-made"].status == "RUNNING")
    delete_cluster("left-half-made")

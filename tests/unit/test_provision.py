"""What must not be left half done is done to its end, however often it is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from dask_dataproc.clusters.provision import to_its_end


def test_it_gives_what_the_work_gives_or_raises():
    assert asyncio.run(to_its_end(asyncio.sleep(0, "done"))) == "done"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(to_its_end(failing()))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_cancellations_wait_for_the_end(times):
    asyncio.run(cancelled(times))


async def cancelled(times: int) -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    task = asyncio.ensure_future(to_its_end(work()))
    await begun.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def failing() -> float:
    return 1 / 0

"""A Dask cluster that is a YARN application: submitted and waited for, its containers followed, ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from dask.utils import parse_timedelta
from distributed import Scheduler
from distributed.core import Status
from distributed.deploy.spec import SpecCluster
from distributed.security import Security
from distributed.utils import NoOpAwaitable, import_term

from . import yarn_driver
from .yarn_container import SCHEDULER_KEY, publish
from .yarn_errors import ApplicationEnded, YarnError
from .yarn_skein import skein
from .yarn_spec import SCHEDULER, WORKER, configured, ready_to_submit
from .yarn_workers import Elsewhere, Workers, YarnWorker, name_by_container, take_over, unnamed

logger = logging.getLogger(__name__)

FOLLOW = 0.5
"""Seconds between two looks at which containers there are."""
DISMISS = 2.0
"""Seconds in which the scheduler has to tell its workers that they can go."""
SOON = 120.0
"""Seconds in which a running application has to have asked for its first containers, or its scheduler to listen."""


class ApplicationCluster(SpecCluster):
    """What YarnCluster is under its interface.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        An application to be submitted. Or there is one:
    app_id : str
        By its id,
    application : skein.ApplicationClient
        or by its client.
    scheduler : dict
        ``{"cls": …, "options": …}`` of a scheduler in this process, if the application has none.
    client, security, queue_timeout, on_wait
        As in YarnCluster.
    **common
        What SpecCluster takes.
    """

    def __init__(
        self,
        spec: Any = None,
        app_id: str = "",
        application: Any = None,
        scheduler: dict[str, Any] | None = None,
        client: Any = None,
        security: Security | bool | None = None,
        queue_timeout: str | float | None = None,
        on_wait: Callable[[yarn_driver.Waiting], Any] | None = None,
        **common: Any,
    ) -> None:
        self.specification: Any = spec
        self.application: Any = application
        self._client: Any = client
        self.app_id: str = app_id or (application.id if application else "")
        self._on_wait = on_wait
        self._queue_timeout = parse_timedelta(queue_timeout or configured("queue-timeout"))
        self._starting: asyncio.Future[None] | None = None
        self._following: asyncio.Future[None] | None = None
        self._finished = asyncio.Event()
        self._final: tuple[str, str | None] = ("SUCCEEDED", None)
        self._target = 0
        self.leaving: set[str] = set()
        self._ended = False
        if scheduler is None:
            scheduler = {"cls": Scheduler, "options": {"dashboard_address": ":0"}}
        try:
            super().__init__(
                scheduler=scheduler,
                worker={"cls": YarnWorker, "options": {}},
                security=Security.temporary() if security is True else security or None,
                name=spec.name if spec else self.app_id,
                **common,
            )
        except BaseException:
            if hasattr(self, "_loop_runner") and not self.asynchronous:
                self.sync(self._abandon, callback_timeout=SOON)
                self._loop_runner.stop()
            raise

    async def _abandon(self) -> None:
        """Undo a start that was interrupted, by Ctrl-C for one."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])

    @property
    def workers(self) -> Workers:
        """The workers by name; called, the ``skein.Container`` of each that runs."""
        return self._workers

    @workers.setter
    def workers(self, known: dict[str, YarnWorker]) -> None:
        self._workers = Workers(self, known)

    # Start

    async def _start(self) -> None:
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start_once())
        await self._starting

    async def _start_once(self) -> None:
        try:
            if self.specification is not None:
                await self._submit()
            elif self.application is None:
                self._client = self._client or await asyncio.to_thread(yarn_driver.shared_client)
                self.application = await yarn_driver.started(self._client, self.app_id, self._queue_timeout)
            await self._find_scheduler()
            await super()._start()
            take_over(self, await self._first_containers())
        except BaseException as error:
            undoing = asyncio.ensure_future(self._give_up(error))
            while not undoing.done():  # a Ctrl-C cancels twice: the call that waits for us, and then us
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(undoing)
            raise
        self._following = asyncio.ensure_future(self._follow())

    async def _submit(self) -> None:
        local = SCHEDULER not in self.specification.services
        starting = [asyncio.to_thread(yarn_driver.shared_client)] if self._client is None else []
        made = await asyncio.gather(*([self._start_scheduler()] if local else []), *starting)
        self._client = made[-1] if starting else self._client
        address = self._contact() if local else ""
        with ready_to_submit(self.specification, self.security, address) as spec:
            submitting = asyncio.ensure_future(yarn_driver.submit(self._client, spec))
            try:
                self.app_id = await asyncio.shield(submitting)
            except asyncio.CancelledError:
                self.app_id = await submitting  # to be killed it has to be known
                raise
        self.application = await yarn_driver.started(self._client, self.app_id, self._queue_timeout, self._on_wait)
        if local:
            await asyncio.to_thread(publish, self.application.kv, self.scheduler)

    async def _start_scheduler(self) -> None:
        protocol = "tls://" if self.security.require_encryption else "tcp://"
        wanted: dict[str, Any] = self.scheduler_spec or {}
        cls = import_term(wanted["cls"]) if isinstance(wanted["cls"], str) else wanted["cls"]
        self.scheduler = await cls(**{"protocol": protocol, "security": self.security} | wanted["options"])

    def _contact(self) -> str:
        return getattr(self.scheduler, "contact_address", None) or self.scheduler.address

    async def _find_scheduler(self) -> None:
        """Know where the scheduler is, and how large its workers are."""
        if self.scheduler is None:
            address = await self._until(lambda: self.application.kv.get(SCHEDULER_KEY), "the scheduler does not listen")
            self.scheduler, self.shutdown_scheduler = Elsewhere(address.decode()), False
        spec = self.specification or await asyncio.to_thread(self.application.get_specification)
        size = spec.services[WORKER].resources
        options = {"application": self.application, "leaving": self.leaving}
        options |= {"nthreads": size.vcores, "memory_limit": size.memory * 2**20}
        self.new_spec = {"cls": YarnWorker, "options": options}

    async def _first_containers(self) -> list[Any]:
        """Return the containers of an application; a new one has not asked for all of them the moment it runs."""
        wanted = self.specification.services[WORKER].instances if self.specification else 0
        return await self._until(
            lambda: found if len(found := self.application.get_containers([WORKER])) >= wanted else None,
            "the first workers were not asked for",
        )

    async def _until(self, ask: Callable[[], Any], otherwise: str) -> Any:
        """Return what ``ask`` returns, in a thread, as soon as it is not None."""
        deadline, last = asyncio.get_running_loop().time() + SOON, ""
        while asyncio.get_running_loop().time() < deadline:
            try:
                if (found := await asyncio.to_thread(ask)) is not None:
                    return found
            except skein.SkeinError as error:
                last = f": {error}"
                if (why := await self._why_ended()) is not None:
                    raise why from None
            await asyncio.sleep(yarn_driver.POLL)
        logs = f"Its logs:  yarn logs -applicationId {self.app_id}"
        raise YarnError(f"{self.app_id}: {otherwise} after {SOON:.0f} s{last}", logs)

    async def _give_up(self, error: BaseException) -> None:
        logger.debug("%s does not start: %s", self.app_id or "application", error)
        if self.specification is not None and self.app_id:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(yarn_driver.ANSWER):
                    await asyncio.to_thread(self._client.kill_application, self.app_id)
        if self.scheduler is not None:
            await self.scheduler.close()
        self._client = self.application = None
        self.status = Status.closed

    # Life

    async def _follow(self) -> None:
        """Follow what YARN does with the containers, until the cluster is closed or the application ends by itself."""
        while self.status == Status.running:
            await asyncio.sleep(FOLLOW)
            try:
                async with self._lock:
                    take_over(self, await asyncio.to_thread(self.application.get_containers, [WORKER]))
            except skein.SkeinError:
                if (why := await self._why_ended()) is not None:
                    logger.error("%s", why)
                    self._ended = True
                    self._soon(self._close)
                    return
            if self.worker_spec.keys() - self.workers.keys():
                await self._correct_state()

    async def _why_ended(self) -> YarnError | None:
        """Return why the application has ended; None as long as it has not, or nobody can say."""
        try:
            self._client = self._client or await asyncio.to_thread(yarn_driver.shared_client)
            report = await asyncio.to_thread(self._client.application_report, self.app_id)
        except (skein.SkeinError, YarnError):
            return None
        except ValueError:
            return ApplicationEnded(f"application {self.app_id} is not known any more: the ResourceManager began anew")
        return yarn_driver.ended(report) if str(report.state) in yarn_driver.ENDED else None

    def _soon(self, act: Callable[[], Any]) -> None:
        assert self.loop is not None
        self.loop.add_callback(act)

    def track(self, worker: YarnWorker) -> None:
        """Count ``worker`` among those that have to be closed at the end."""
        self._created.add(worker)

    def new_worker_spec(self) -> dict[str, Any]:
        """Return name and specification of one more worker."""
        return {unnamed(): self.new_spec}

    async def _correct_state_internal(self) -> None:
        leaving = list(self.workers.keys() - self.worker_spec.keys())
        if leaving and self.status == Status.running:
            await self.scheduler_comm.retire_workers(names=leaving)  # what they hold goes to the others
        await super()._correct_state_internal()
        name_by_container(self)

    def scale(self, n: int = 0, memory: Any = None, cores: Any = None) -> Any:
        """Scale to ``n`` workers, or as many as have ``memory`` or ``cores`` together.

        Workers that have not started go first, then those that the scheduler can spare best.
        """
        if memory is not None or cores is not None or n >= len(self.worker_spec) or self.status != Status.running:
            self._target = n
            return super().scale(n, memory=memory, cores=cores)
        self._target = n
        self._soon(self._shrink)
        return NoOpAwaitable() if self.asynchronous else None

    async def _shrink(self) -> None:
        names = {worker["name"] for worker in self.scheduler_info["workers"].values()}
        spare = [name for name in self.worker_spec if name not in names]
        if (more := len(self.worker_spec) - self._target - len(spare)) > 0:
            comm: Any = self.scheduler_comm
            spare += await comm.workers_to_close(n=more, attribute="name")
        for name in spare[: max(0, len(self.worker_spec) - self._target)]:
            self.worker_spec.pop(name, None)
        await self._correct_state()

    # End

    async def _close(self) -> None:
        application, self.application = self.application, None
        if application is not None:
            if self._following is not None:
                self._following.cancel()
            for worker in self._created:
                worker.forget()
            self.worker_spec.clear()
            self.workers.clear()
            if not (self._ended and isinstance(self.scheduler, Elsewhere)):
                await self._dismiss()  # where the scheduler goes on, workers that YARN ends hand on what they hold
            await self._end(application)
        await super()._close()
        self._client = None  # the last cluster of a process ends the driver
        self._finished.set()

    async def finished(self) -> None:
        """Return when the cluster is closed: by somebody, or because the application has ended by itself."""
        await self._finished.wait()

    async def _dismiss(self) -> None:
        """Let the workers go first: a scheduler that closes while it still hears them logs a traceback for each."""
        comm: Any = self.scheduler_comm
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(DISMISS):
                for each in list(self.scheduler_info["workers"]):
                    await comm.unregister(address=each, stimulus_id="cluster-closes")
                heard = getattr(self.scheduler, "_comms", {})
                while "register-worker" in heard.values():  # noqa: ASYNC110 - nobody sets an event for it
                    await asyncio.sleep(0.01)

    async def _end(self, application: Any) -> None:
        try:
            await asyncio.to_thread(application.shutdown, *self._final)
        except skein.SkeinError:  # its master does not answer: let the ResourceManager do it
            with contextlib.suppress(skein.SkeinError, AttributeError, ValueError):  # nor does that know it
                await asyncio.to_thread(self._client.kill_application, self.app_id)
        application.close()

"""What can go wrong between Dask and YARN, in a line each: what was asked, what is allowed, and what to do about it.

YarnError
    DriverFailed        no Java, no `yarn` command, or no ResourceManager behind them
    SubmissionRefused   YARN did not take the application
        UnknownQueue
        NotAllowed
        ContainerTooLarge
    QueueTimeout        taken, but still waiting for its turn
    ApplicationEnded    it ended by itself; with YARN's own diagnostics
"""

from __future__ import annotations

import re


class YarnError(RuntimeError):
    """The base of all that YarnCluster raises by itself; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = ""):
        super().__init__(f"{message}\n  {hint}" if hint else message)
        self.message, self.hint = message, hint


class DriverFailed(YarnError):
    """The process that speaks with YARN did not start. Install Java, or put Hadoop's ``yarn`` on PATH."""


class SubmissionRefused(YarnError):
    """YARN refused the application; the message is YARN's own."""


class UnknownQueue(SubmissionRefused):
    """There is no queue of that name."""


class NotAllowed(SubmissionRefused):
    """The user may not submit to that queue, or not on behalf of that user."""


class ContainerTooLarge(SubmissionRefused):
    """A container was asked for that YARN would never give. Ask for less memory or fewer vcores."""


class QueueTimeout(YarnError):
    """The application still waits in its queue. It was withdrawn; ask later, or another queue."""


class ApplicationEnded(YarnError):
    """The application ended by itself; see its diagnostics and logs."""


def refusal(error: Exception, queue: str, user: str) -> SubmissionRefused:
    """Return what YARN meant by ``error``, an exception of skein's ``submit``."""
    text = " ".join(str(error).split())
    where = f"queue {queue!r}"
    if re.search(r"unknown queue|non-leaf queue|not a leaf queue|no placement|rejected by queue placement", text, re.I):
        return UnknownQueue(f"{where} is no queue applications can be submitted to", "Queues:  yarn queue -list root")
    if re.search(r"cannot submit|not have permission|not allowed to impersonate|AccessControl|: null$", text, re.I):
        who = f"user {user!r}" if user else "you"
        why = _reason(text).replace("null", "YARN does not say why")  # its reason is lost when one acts for another
        return NotAllowed(f"{who} may not submit to {where}: {why}", "Ask for the queue's aclSubmitApps.")
    if re.search(r"invalid resource request", text, re.I):
        return ContainerTooLarge(_reason(text), "Ask for less memory or fewer vcores.")
    return SubmissionRefused(f"YARN refused the application in {where}: {_reason(text)}")


def too_large(field: str, asked: int, allowed: int) -> ContainerTooLarge:
    """Return what to say of ``field``, of which more was asked than YARN gives to a container."""
    unit = " MiB" if field.endswith("memory") else ""
    value = f'"{allowed} MiB"' if unit else allowed
    return ContainerTooLarge(
        f"{field}: {asked}{unit} asked, {allowed}{unit} allowed", f"Try:  YarnCluster({field}={value})"
    )


def _reason(text: str) -> str:
    """Return the part of a Java exception's text that a person can use."""
    text = re.sub(r"^Failed to submit application, exception:\s*", "", text)
    return re.split(r"\s+at (?:org|java|com|sun)\.", text)[0][:500]

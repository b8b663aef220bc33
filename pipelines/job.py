"""The job runner: ``python -m dask_dataproc.pipelines.job --job-module M --job-function F [--NAME VALUE …]``.

It runs one function with typed arguments: on a cluster's master as a Dataproc job, and anywhere else just the same. The
function's result, if JSON has it, is the last line of the output, after ``dask-dataproc-result:``. Status 0; 2 for what
cannot be asked, with one line on stderr and nothing run; 1 when it failed.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from ..clusters.errors import DaskDataprocError, SpecError
from .arguments import arguments_of, split, typed
from .result import RESULT

OWN = ("job_module", "job_function", "git_repo", "git_ref", "git_secret")
"""The runner's own options; a function's arguments have other names."""
ENDED = 128 + signal.SIGTERM


def main(words: Sequence[str]) -> int:
    """Run the job of ``words``, a command line, and return its exit status."""
    signal.signal(signal.SIGTERM, _end)
    try:
        work, values = prepare(words)
    except DaskDataprocError as error:
        return _failed(error, 2 if isinstance(error, SpecError) else 1)
    try:
        _give(_run(work, values))
    except DaskDataprocError as error:
        return _failed(error, 1)
    return 0


def prepare(words: Sequence[str]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function that ``words`` name and its arguments; its repository and packages are importable then.

    Raises
    ------
    SpecError
        An option or argument is unknown, missing or of another type; there is no such module or function.
    ConfigError, PackageError
        The repository, or the packages of its lock, cannot be had.
    """
    own, given = split(words, OWN)
    for name in ("job_module", "job_function"):
        if not own.get(name):
            option = f"--{name.replace('_', '-')}"
            raise SpecError(f"{option}: none given, allowed is a Python name", f"{option} NAME")
    _bring_repository(own)
    module = _module(own["job_module"])
    work = _function(module, own["job_function"])
    values = typed(given, arguments_of(work))
    _bring_script(module)
    return work, values


def _bring_repository(own: Mapping[str, str]) -> None:
    if not own.get("git_repo"):
        if stray := [name for name in ("git_ref", "git_secret") if own.get(name)]:
            raise SpecError(
                f"--{stray[0].replace('_', '-')}: given, allowed is none without --git-repo", "--git-repo URL"
            )
        return
    from . import bring, bundles

    found = bring.repository(own["git_repo"], own.get("git_ref", ""), own.get("git_secret", ""))
    bundles.BROUGHT[:] = found
    _say(f"{own['git_repo']} at {own.get('git_ref') or 'its default branch'} is {bring.commit_of(found)}")


def _bring_script(module: Any) -> None:
    from . import bundles

    if not bundles.BROUGHT:
        from .bring import script

        bundles.BROUGHT[:] = script(module)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):  # itself, and not one that it imports
            raise SpecError(f"--job-module: {name!r} given, there is no module {error.name!r} here") from None
        raise


def _function(module: Any, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if callable(found):
        return found
    known = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
    near = get_close_matches(name, known, n=1)
    hint = f"--job-function {near[0]}" if near else ""
    raise SpecError(f"--job-function: {name!r} given, {module.__name__} has no such function", hint)


def _run(work: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    result = work(**values)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def _give(result: Any) -> None:
    try:
        _say(RESULT + json.dumps(result, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        sys.stderr.write(f"The result, of type {type(result).__name__}, is no JSON: it is not given\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _failed(error: DaskDataprocError, status: int) -> int:
    sys.stderr.write(f"{error.lines()}\n")
    return status


def _end(*_: object) -> NoReturn:
    """End in order, so that what the function has opened is closed: the job was cancelled."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(ENDED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""From the staging prefix to the output: whole, and the same however often it is killed and run again.

A folder of this machine changes places with what was published before in one step of the file system. Objects have no
such step: they are copied under names of their own, then the manifest is replaced in one request, then what it no
longer names is removed. Who reads what the manifest names (`published`) has one version, whole, at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import Any

from ...clusters.errors import QualityError, SpecError
from .locations import parts, staged_location

__all__ = ["check_apart", "check_publishable", "is_published", "publish", "published", "staged_location"]


def publish(staged: str, final: str) -> None:
    """Put what is at ``staged`` in the place of what is at ``final``; call it again if it was killed.

    Parameters
    ----------
    staged, final : str
        Paths or URLs of folders of one store. Nothing is left at ``staged``.

    Raises
    ------
    QualityError
        Nothing is at ``staged`` and what is at ``final`` does not come from there, or they are of two stores.
    SpecError
        ``final`` is a bucket or a root.
    """
    parts(final)
    store, source, target = _both(staged, final)
    if _is_local(store):
        from .publish_folder import publish_folder

        publish_folder(source, target)
    else:
        from .publish_objects import publish_objects

        publish_objects(store, source, target)


def is_published(staged: str, final: str) -> bool:
    """Return whether what is at ``final`` comes from ``staged``, where nothing else is waiting: there is no more to do.

    It may be that remains are to be removed still, which `publish` does.

    Raises
    ------
    QualityError
        They are of two stores.
    """
    store, source, target = _both(staged, final)
    if _is_local(store):
        from .publish_folder import has_changed_places

        return has_changed_places(source, target)
    from .publish_objects import has_been_copied

    return has_been_copied(store, source, target)


def check_publishable(staged: str, final: str) -> None:
    """Refuse what `publish` would, before anything is published: it has been published, or can be.

    Raises
    ------
    QualityError
        As of `publish`.
    """
    if is_published(staged, final):
        return
    store, source, target = _both(staged, final)
    if _is_local(store):
        from .publish_folder import check_folder

        check_folder(source, target)
    else:
        from .publish_objects import staged_objects

        staged_objects(store, source, target)


def check_apart(locations: Iterable[str]) -> None:
    """Refuse locations of which one is, or lies within, another: what is published at that one takes its place.

    Raises
    ------
    SpecError
        The two of them.
    """
    import fsspec

    found = [(location, *fsspec.url_to_fs(location)) for location in locations]
    placed = [(location, f"{store.unstrip_protocol(inside.rstrip('/'))}/") for location, store, inside in found]
    for (one, inner), (other, outer) in permutations(placed, 2):
        if inner.startswith(outer):
            raise SpecError(f"outputs: {one} lies within {other}, allowed is a folder of its own for each")


def published(final: str) -> str | list[str]:
    """Return what to read of ``final``: the location, or the files that its manifest names, one version of them.

    ``dask.dataframe.read_parquet(published("gs://lake/orders"))`` never sees a publication half done.
    """
    import fsspec

    from .publish_objects import manifest

    store, target = fsspec.url_to_fs(final)
    if _is_local(store):
        return final
    named = manifest(store, target).get("files")
    return [store.unstrip_protocol(f"{target}/{name}") for name in named] if named else final


def _both(staged: str, final: str) -> tuple[Any, str, str]:
    import fsspec

    store, source = fsspec.url_to_fs(staged)
    other, target = fsspec.url_to_fs(final)
    source, target = source.rstrip("/"), target.rstrip("/")
    if store.protocol != other.protocol:
        raise QualityError(f"staged {staged} and final {final} are of two stores", staged_location(final, "RUN"))
    if f"{source}/".startswith(f"{target}/") or f"{target}/".startswith(f"{source}/"):
        raise QualityError(f"staged {staged} and final {final} lie within each other", staged_location(final, "RUN"))
    store.invalidate_cache()
    return store, source, target


def _is_local(store: Any) -> bool:
    return "file" in ((store.protocol,) if isinstance(store.protocol, str) else store.protocol)

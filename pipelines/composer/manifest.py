"""What a sync has put into a DAG folder, and what the next one has to do: the manifest and its rules. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ...clusters.errors import ConfigError

MANIFEST = ".dask-dataproc-sync.json"
"""Its name in the DAG folder; Airflow reads no such files there."""
IGNORE = ".airflowignore"
ABSENT = "0"
"""The generation of an object that is not there."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A sync that is at it.

    Attributes
    ----------
    run : str
        Which one.
    commit : str
    until : float
        Unix seconds from which on it does nothing any more, unless it has said more.
    """

    run: str
    commit: str
    until: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is ours in the folder.

    Attributes
    ----------
    commit : str
        The commit that the folder was last wholly in line with; empty if it never was.
    files : mapping of str to str
        Names to MD5. While a sync is under way, also those that it is about to put there.
    under_way : UnderWay or None
    """

    commit: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    under_way: UnderWay | None = None

    def held(self, now: float) -> UnderWay | None:
        """Return the sync that others have to wait for at unix seconds ``now``."""
        return self.under_way if self.under_way and self.under_way.until > now else None

    def without(self, name: str) -> Manifest:
        """Return the manifest that does not call ``name`` ours."""
        return replace(self, files={n: md5 for n, md5 in self.files.items() if n != name})

    def to_bytes(self) -> bytes:
        """Return it as the object in the bucket."""
        way = self.under_way
        document = {
            "commit": self.commit,
            "under_way": {"run": way.run, "commit": way.commit, "until": way.until} if way else None,
            "files": dict(sorted(self.files.items())),
        }
        return (json.dumps(document, indent=1) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do.

    Attributes
    ----------
    upload, delete : mapping of str to str
        Names to the generation that each has to be of, in the order in which it is done.
    foreign : list of str
        Names that another has put there with other content: the sync must not go on.
    alike : list of str
        Names that another has put there with the very content: left, and not ours.
    """

    upload: dict[str, str]
    delete: dict[str, str]
    foreign: list[str]
    alike: list[str]


def read_manifest(data: bytes | None, where: str) -> Manifest:
    """Return the manifest that ``data`` of the object at ``where`` is; an empty one where there is none.

    Raises
    ------
    ConfigError
        It is something else: nothing may be concluded from it.
    """
    if data is None:
        return Manifest()
    try:
        document = json.loads(data)
        way = document["under_way"]
        under_way = UnderWay(str(way["run"]), str(way["commit"]), float(way["until"])) if way else None
        return Manifest(str(document["commit"]), {str(k): str(v) for k, v in document["files"].items()}, under_way)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{where}: is no manifest of a sync", f"gcloud storage cat {where}") from None


def steps(
    manifest: Manifest, wanted: Mapping[str, str], there: Mapping[str, tuple[str, str]], *, adopt: bool = False
) -> Steps:
    """Return what brings a folder in line.

    Parameters
    ----------
    manifest : Manifest
    wanted : mapping of str to str
        Names to MD5.
    there : mapping
        Names to MD5, empty if unknown, and generation.
    adopt : bool
        Take what others have put there under a wanted name for ours.
    """
    ours = {name for name in there if adopt or name in manifest.files}
    upload = {n: there.get(n, ("", ABSENT))[1] for n, md5 in wanted.items() if there.get(n, ("",))[0] != md5}
    foreign = sorted(name for name in upload if name in there and name not in ours)
    alike = sorted(name for name in wanted if name in there and name not in upload and name not in ours)
    gone = sorted(name for name in manifest.files if name in there and name not in wanted)
    order = sorted(upload, key=lambda name: (name != IGNORE, "/" not in name, name))
    return Steps({n: upload[n] for n in order}, {n: there[n][1] for n in gone}, foreign, alike)


def claimed(manifest: Manifest, wanted: Mapping[str, str], alike: list[str]) -> dict[str, str]:
    """Return what may be called ours once a sync has begun: what was, and what it is about to put there."""
    return {**manifest.files, **{name: md5 for name, md5 in wanted.items() if name not in alike}}

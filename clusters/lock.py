"""Which of the kernel's packages the nodes get, and what is said of those that they do not get. Pure.

The kernel's packages are a graph. Its roots are those that nobody requires, or that somebody asked pip for. What the
notebook's own roots bring and nobody else needs stays with the notebook; all the rest travels, with the versions as
they are: nothing is solved.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from .installed import Distribution

NODE_REQUIREMENTS = {
    "bokeh": "the dashboard",
    "cryptography": "the cluster's keys",
    "dask": "the work",
    "distributed": "scheduler and workers",
    "gcsfs": "reads and writes gs://",
    "google-cloud-secret-manager": "the deploy key of a git repository",
    "prometheus-client": "the metrics",
    "psutil": "the shape of a worker",
    "skein": "asks YARN for workers",
}
"""What the programs on the nodes import, and why: these travel whatever is excluded."""
NOTEBOOK_SIDE = frozenset(
    {
        "conda",  # makes environments where the kernel runs, and no index has it
        "dask-dataproc",  # makes clusters; its programs for the nodes travel as node.zip
        "dask-labextension",
        "ipykernel",
        "ipywidgets",
        "jupyter",
        "jupyterlab",
        "mamba",
        "nbclassic",
        "notebook",
        "voila",
    }
)
"""Packages that are the notebook's side alone: they travel only if something else that travels requires them."""
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}
LINUX_AMONG = ("Linux", "POSIX", "Unix", "OS Independent")
"""How the operating systems begin that a package may name and Linux is one of."""
NAME = re.compile(r"[A-Za-z0-9._-]+")
EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Selection:
    """What travels.

    Attributes
    ----------
    names : frozenset of str
        The distributions that the nodes get.
    absent : tuple of str
        Requirements that hold on Linux alone, so that this kernel has no version of them.
    foreign : tuple of str
        Those that cannot run on Linux.
    conflicts : tuple of str
        Where the kernel's packages do not fit together, in words.
    """

    names: frozenset[str]
    absent: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def select(
    found: Mapping[str, Distribution],
    exclude: Iterable[str] = (),
    pins: Mapping[str, str] | None = None,
    kernel: Mapping[str, str] | None = None,
    aside: Container[str] = NOTEBOOK_SIDE,
) -> Selection:
    """Return what of ``found`` the nodes get.

    Parameters
    ----------
    found : mapping of str to Distribution
    exclude : iterable of str
        Canonical names that do not travel, nor what only they need.
    pins : mapping of str to str
        Versions that the nodes get instead; what is pinned travels.
    kernel : mapping of str to str, optional
        The kernel's environment markers; this one's by default. The nodes run the same Python on Linux.
    aside : container of str
        What does not travel for its own sake; nothing, where a notebook is to run.
    """
    here = dict(kernel) if kernel else {name: str(value) for name, value in default_environment().items()}
    node, pins = here | LINUX, pins or {}
    left_out = set(exclude)
    at_kernel, at_node = _Graph(found, here), _Graph(found, node)
    stays = {name for name, dist in found.items() if name in aside or dist.of_system}
    roots = (at_kernel.roots() - stays) | set(NODE_REQUIREMENTS) | set(pins)
    foreign = {name for name in roots & set(found) if name not in pins and _foreign(found[name])}
    names = at_node.reach(roots - foreign, left_out)
    foreign |= {name for name in at_kernel.reach(roots, left_out) - names if name not in aside}
    versions = {name: pins.get(name, found[name].version) for name in names}
    absent, conflicts = _unmet(at_node, names, versions, left_out | set(pins))
    if here["sys_platform"] == node["sys_platform"]:  # the kernel lacks it too
        conflicts += [f"{requirement} is required and not installed" for requirement in absent]
        absent = []
    return Selection(frozenset(names), tuple(absent), tuple(sorted(foreign)), tuple(conflicts))


class _Graph:
    """Who requires whom under an environment's markers."""

    def __init__(self, found: Mapping[str, Distribution], markers: Mapping[str, str]):
        self.found, self.markers = found, dict(markers)
        self._needs: dict[str, dict[str, Requirement]] = {name: {} for name in found}
        self._follow([(name, "") for name in found])
        required = {other for name, needs in self._needs.items() for other in needs if other != name}
        self._tops = set(found) - required

    def roots(self) -> set[str]:
        """Those that nobody requires or somebody asked for; of a ring that hangs on nothing, all."""
        roots = self._tops | {name for name, dist in self.found.items() if dist.requested}
        return roots | (set(self.found) - self.reach(roots))

    def reach(self, roots: Iterable[str], left_out: Container[str] = ()) -> set[str]:
        """The installed ones that ``roots`` need, themselves included, without those left out and what they bring."""
        seen: set[str] = set()
        ahead = [name for name in roots if name in self.found]
        while ahead:
            name = ahead.pop()
            if name in seen or name in left_out:
                continue
            seen.add(name)
            ahead += [other for other in self._needs[name] if other in self.found]
            ahead += self._asked_extras(self.found[name])
        return seen

    def requirements(self, name: str) -> list[Requirement]:
        """What ``name`` requires, with the extras that others require of it."""
        return list(self._needs[name].values())

    def _follow(self, ahead: list[tuple[str, str]]) -> None:
        """Write down what each distribution requires, then what it requires for each extra that is required of it."""
        seen = set(ahead)
        while ahead:
            name, extra = ahead.pop()
            for text in self.found[name].requires:
                of_extra = EXTRA.findall(text)
                if (extra in of_extra if extra else not of_extra) and (requirement := self._applies(text, extra)):
                    other = canonicalize_name(requirement.name)
                    self._needs[name].setdefault(other, requirement)
                    new = {(other, more) for more in requirement.extras if other in self.found} - seen
                    seen |= new
                    ahead += new

    def _asked_extras(self, dist: Distribution) -> list[str]:
        """What its extras bring. Nobody wrote down which were asked for; it shows where an extra is here completely,
        and something of it is here for no other reason.
        """
        extras: dict[str, list[str]] = {}
        for text in dist.requires:
            for extra in EXTRA.findall(text):
                extras.setdefault(extra, []).append(text)
        brought: list[str] = []
        for extra, texts in extras.items():
            if self._tops.isdisjoint(map(_name, texts)):
                continue
            needed = [_name(text) for text in texts if self._applies(text, extra)]
            brought += needed if all(name in self.found for name in needed) else []
        return [name for name in brought if name not in NOTEBOOK_SIDE]

    def _applies(self, text: str, extra: str = "") -> Requirement | None:
        requirement = _parsed(text)
        if requirement is None or (
            requirement.marker is not None and not requirement.marker.evaluate(self.markers | {"extra": extra})
        ):
            return None
        return requirement


def _unmet(
    graph: _Graph, names: Iterable[str], versions: Mapping[str, str], known: set[str]
) -> tuple[list[str], list[str]]:
    """Return the requirements that nothing here meets, and those that another version than theirs is here for."""
    absent: dict[str, str] = {}
    conflicts: list[str] = []
    for name in sorted(names):
        for requirement in graph.requirements(name):
            other = canonicalize_name(requirement.name)
            if other in versions:
                if not _fits(requirement, versions[other]):
                    wanted = f"{requirement.name}{requirement.specifier}"
                    conflicts.append(f"{name} {versions[name]} needs {wanted}, here is {versions[other]}")
            elif other not in known and other not in graph.found:
                absent.setdefault(other, f"{other}{requirement.specifier}")
    return list(absent.values()), conflicts


def _name(text: str) -> str:
    found = NAME.match(text)
    return canonicalize_name(found[0]) if found else ""


def _fits(requirement: Requirement, version: str) -> bool:
    try:
        return requirement.url is not None or requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _foreign(dist: Distribution) -> bool:
    """Whether its wheel is of another system, and it names no system that Linux is one of."""
    bound = bool(dist.tags) and not any("linux" in tag or tag.endswith("-any") for tag in dist.tags)
    return bound and bool(dist.systems) and not any(system.startswith(LINUX_AMONG) for system in dist.systems)


@cache
def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:  # metadata of long ago
        return None

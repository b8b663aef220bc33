"""What a machine type's name says: its vCPUs and memory, predefined or custom. Pure: facts of Compute Engine, no call.

Source: Compute Engine's documentation of machine families (cloud.google.com/compute/docs/machine-resource), written
down by hand. Only the families that Dataproc clusters are usually made of are listed; `known_type` lets others pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from math import ceil

from .errors import SpecError

MIB = 1 << 20
GIB = 1 << 30
MEMORY_STEP = 256
"""A custom type's memory is a multiple of so many MB."""

N2_SIZES = (2, 4, 8, 16, 32, 48, 64, 80, 96)
C2D_SIZES = (2, 4, 8, 16, 32, 56, 112)
C3_SIZES = (4, 8, 22, 44, 88, 176)
C3D_SIZES = (4, 8, 16, 30, 60, 90, 180, 360)

SERIES: dict[str, tuple[float, tuple[int, ...]]] = {
    "n1-standard": (3.75, (1, 2, 4, 8, 16, 32, 64, 96)),
    "n1-highmem": (6.5, (2, 4, 8, 16, 32, 64, 96)),
    "n1-highcpu": (0.9, (2, 4, 8, 16, 32, 64, 96)),
    "n2-standard": (4, (*N2_SIZES, 128)),
    "n2-highmem": (8, (*N2_SIZES, 128)),
    "n2-highcpu": (1, N2_SIZES),
    "n2d-standard": (4, (*N2_SIZES, 128, 224)),
    "n2d-highmem": (8, N2_SIZES),
    "n2d-highcpu": (1, (*N2_SIZES, 128, 224)),
    "e2-standard": (4, (2, 4, 8, 16, 32)),
    "e2-highmem": (8, (2, 4, 8, 16)),
    "e2-highcpu": (1, (2, 4, 8, 16, 32)),
    "c2-standard": (4, (4, 8, 16, 30, 60)),
    "c2d-standard": (4, C2D_SIZES),
    "c2d-highmem": (8, C2D_SIZES),
    "c2d-highcpu": (2, C2D_SIZES),
    "c3-standard": (4, C3_SIZES),
    "c3-highmem": (8, C3_SIZES),
    "c3-highcpu": (2, C3_SIZES),
    "c3d-standard": (4, C3D_SIZES),
    "c3d-highmem": (8, C3D_SIZES),
    "c3d-highcpu": (2, C3D_SIZES),
}
"""Series -> (GB of memory per vCPU, vCPUs of its types)."""

IRREGULAR = {
    "n2-highmem-128": 864,
    "c3d-highcpu-30": 59,
    "c3d-highcpu-60": 118,
    "c3d-highcpu-90": 177,
    "c3d-highcpu-180": 354,
    "c3d-highcpu-360": 708,
}
"""GB of memory of the types that do not follow their series."""


@dataclass(frozen=True, slots=True)
class CustomLimits:
    """Bounds of a family's custom types: vCPUs, GB per vCPU, and GB in all with extended memory (0: has none)."""

    vcpus: tuple[int, ...]
    per_vcpu: tuple[float, float]
    extended: int

    def memory_mib(self, vcpus: int, *, extended: bool) -> tuple[int, int]:
        """Return least and most memory of a type of ``vcpus``, in MB as its name counts them (2**20 bytes)."""
        low, high = (ceil(gb * vcpus * 4) * MEMORY_STEP for gb in self.per_vcpu)
        return low, self.extended * 1024 if extended else high


CUSTOM = {
    "n1": CustomLimits((1, *range(2, 97, 2)), (0.9, 6.5), 624),
    "n2": CustomLimits((*range(2, 33, 2), *range(36, 81, 4)), (0.5, 8), 864),
    "n2d": CustomLimits((2, 4, 8, *range(16, 97, 16)), (0.5, 8), 768),
    "e2": CustomLimits(tuple(range(2, 33, 2)), (0.5, 8), 0),
}

NAME = re.compile(
    r"(?P<family>[a-z]{1,2}\d{1,2}[a-z]{0,3})-(?P<shape>[a-z]+(-\d{1,3}[a-z]?)?|custom-\d{1,3}-\d{1,7})(?P<variant>-[a-z]+)?",
    re.ASCII,
)
"""How Compute Engine writes a type of any family: ``n4-standard-8``, ``a2-highgpu-1g``, ``c3-standard-8-lssd``."""
CUSTOM_NAME = re.compile(
    r"(?:(?P<family>[a-z0-9]+)-)?custom-(?P<vcpus>\d{1,3})-(?P<mib>\d{1,7})(?P<ext>-ext)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class MachineType:
    """A kind of machine.

    Attributes
    ----------
    name : str
        As Compute Engine writes it, ``n2-standard-4``.
    family : str
        What it is billed as, ``n2``.
    vcpus : int
        Virtual CPUs; Dataproc's fee and the CPU quota count them.
    memory : int
        Bytes.
    custom, extended : bool
        A custom type; one with extended memory.
    """

    name: str
    family: str
    vcpus: int
    memory: int
    custom: bool = False
    extended: bool = False


PREDEFINED = {
    name: MachineType(name, series.partition("-")[0], size, int(IRREGULAR.get(name, per_vcpu * size) * GIB))
    for series, (per_vcpu, sizes) in SERIES.items()
    for size in sizes
    for name in [f"{series}-{size}"]
}


FAMILIES = tuple(dict.fromkeys(kind.family for kind in PREDEFINED.values()))


def machine_type(name: str) -> MachineType:
    """Return the machine type called ``name``.

    Raises
    ------
    SpecError
        No such type is known; a ``ValueError`` as well.
    """
    kind = known_type(name)
    if kind is None:
        raise _unknown(name)
    return kind


def known_type(name: str) -> MachineType | None:
    """Return the machine type called ``name``, None for one of a family or variant that is not listed here.

    Raises
    ------
    SpecError
        The name is malformed, or a size that a listed family does not have.
    """
    if name in PREDEFINED:
        return PREDEFINED[name]
    written = NAME.fullmatch(name)
    if written and (written["family"] not in FAMILIES or name.removesuffix(written["variant"] or "") in PREDEFINED):
        return None
    custom = CUSTOM_NAME.fullmatch(name)
    if custom:
        return _custom(name, custom)
    raise _unknown(name)


def _unknown(name: str) -> SpecError:
    hint = (*get_close_matches(name, PREDEFINED, n=1), "n2-standard-4")[0]
    if not NAME.fullmatch(name):
        return _refuse(name, "a name like n2-standard-4 or n2-custom-4-16384", hint)
    series, _, size = name.rpartition("-")
    if series in SERIES and size.isdigit():
        _, sizes = SERIES[series]
        return _refuse(name, f"{series} with {_listed(sizes)} vCPUs", f"{series}-{_nearest(sizes, int(size))}")
    return _refuse(name, f"standard, highmem, highcpu of {', '.join(FAMILIES)}, custom of {', '.join(CUSTOM)}", hint)


def _custom(name: str, parts: re.Match[str]) -> MachineType:
    family, vcpus, mib = parts["family"] or "n1", int(parts["vcpus"]), int(parts["mib"])
    limits, extended = CUSTOM.get(family), parts["ext"] is not None
    if limits is None:
        raise _refuse(name, f"a custom type of {', '.join(CUSTOM)}", "n2-custom-4-16384")
    if vcpus not in limits.vcpus:
        near = _nearest(limits.vcpus, vcpus)
        raise _refuse(name, f"{_listed(limits.vcpus)} vCPUs", f"{family}-custom-{near}-{near * 4096}")
    if extended and not limits.extended:
        raise _refuse(name, f"no extended memory in {family}", f"{family}-custom-{vcpus}-{vcpus * 4096}")
    low, high = limits.memory_mib(vcpus, extended=extended)
    if not low <= mib <= high or mib % MEMORY_STEP:
        allowed = f"{low} to {high} MB with {vcpus} vCPUs, in steps of {MEMORY_STEP}"
        raise _refuse(name, allowed, f"{family}-custom-{vcpus}-{vcpus * 4096}")
    return MachineType(name, family, vcpus, mib * MIB, custom=True, extended=extended)


def _refuse(name: str, allowed: str, hint: str) -> SpecError:
    return SpecError(f"machine type {name!r} given, allowed is {allowed}", hint)


def _nearest(sizes: tuple[int, ...], asked: int) -> int:
    return min(sizes, key=lambda size: abs(size - asked))


def _listed(sizes: tuple[int, ...]) -> str:
    return ", ".join(str(size) for size in sizes)

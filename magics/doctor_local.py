"""What ``doctor`` checks on this machine: settings, packages, the staging folder, the emulator."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import uuid
from pathlib import Path

from .doctor import Finding
from .reach import Place

MATTER = ("dask", "distributed", "google-cloud-dataproc", "ipykernel")
"""Packages whose versions are shown."""
IMAGE_PYTHON = {"2.1": (3, 10), "2.2": (3, 11), "2.3": (3, 11)}
"""Python of Dataproc's images. Source: the release pages of each image version."""


def project(place: Place) -> Finding:
    """Say which project and region are used and where they come from."""
    from ..clusters.config import LOCAL, default_project, default_region

    found, source = default_project()
    if place.project == LOCAL:
        why = "--local" if found not in ("", LOCAL) else "no project is configured"
        return Finding("project", "ok", f"the emulator on this machine ({why})")
    origin = source if found == place.project else "--project"
    where = default_region()[1] or "the default"
    return Finding("project", "ok", f"{place.project} ({origin}), region {place.region} ({where})")


def packages() -> Finding:
    """Compare what is installed with what dask-dataproc requires."""
    from packaging.requirements import Requirement

    wrong = []
    for text in importlib.metadata.requires("dask-dataproc") or ():
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            version = "missing"
        if version == "missing" or not wanted.specifier.contains(version, prereleases=True):
            wrong.append(f"{wanted.name} {version}, required {wanted.specifier}")
    if wrong:
        return Finding("packages", "fail", "; ".join(wrong), "pip install --upgrade dask-dataproc")
    shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in MATTER)
    return Finding("packages", "ok", f"Python {sys.version.split()[0]}, {shown}")


def image_python(image: str) -> Finding:
    """Compare the kernel's Python with the image's: tasks are pickled on one and run on the other."""
    theirs = IMAGE_PYTHON.get(image.split("-")[0])
    ours = sys.version_info[:2]
    if theirs is None:
        return Finding(
            "image", "warn", f"not checked: the Python of image {image} is not known here", "--image 2.2-debian12"
        )
    text = f"Python {ours[0]}.{ours[1]} here, {theirs[0]}.{theirs[1]} on image {image}"
    if ours != theirs:
        return Finding("image", "warn", text, "a kernel with the image's Python, or another --image")
    return Finding("image", "ok", text)


def staging_folder() -> Finding:
    """Write a file where the emulator's nodes and this kernel meet, and remove it."""
    from ..clusters.config import LOCAL, resolve

    folder = Path(resolve(project=LOCAL).staging.removeprefix("file://"))
    probe = folder / f"doctor-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding(
            "staging", "fail", f"{folder} cannot be written to: {error.strerror}", "export XDG_STATE_HOME=DIR"
        )
    return Finding("staging", "ok", f"{folder} can be written to")


def emulator() -> Finding:
    """Say whether the emulator runs, and how it last ended if it does not."""
    from ..clusters.local import emulator_log, emulator_status

    about = emulator_status()
    if about is None:
        seen = f"; its log is {emulator_log()}" if emulator_log().exists() else ""
        return Finding("emulator", "ok", f"not running, the first use starts it{seen}")
    return Finding("emulator", "ok", f"runs as pid {about['pid']} on {about['socket']}")


def machine() -> Finding:
    """Say how large this machine is: the emulator's machines are never larger."""
    import psutil

    from .render import size

    memory = psutil.virtual_memory()
    text = f"{os.cpu_count()} CPUs, {size(memory.available)} of {size(memory.total)} memory free"
    if memory.available < 2**30:
        return Finding("machine", "warn", text, "close something: a cluster of two workers takes about 0.5 GiB")
    return Finding("machine", "ok", text)

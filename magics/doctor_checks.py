"""Which checks ``doctor`` runs: those of this machine for the emulator, those of the project for the cloud."""

from __future__ import annotations

from functools import partial

from ..clusters.config import LOCAL, resolve
from ..clusters.errors import ConfigError
from ..clusters.spec import ClusterSpec
from .doctor import Check, Finding
from .doctor_cloud import Cloud, bucket, cloud_checks
from .doctor_local import emulator, image_python, machine, packages, project, staging_folder
from .reach import Place


def checks_of(place: Place) -> list[tuple[str, Check]]:
    """Return the checks that matter for clusters in ``place``, by name."""
    always: list[tuple[str, Check]] = [("project", partial(project, place)), ("packages", packages)]
    if place.project == LOCAL:
        return [*always, ("staging", staging_folder), ("emulator", emulator), ("machine", machine)]
    spec, staging = _spec_and_staging(place)
    image = partial(image_python, spec.image)
    return [*always, *cloud_checks(spec, Cloud(place.project, place.region)), ("staging", staging), ("image", image)]


def _spec_and_staging(place: Place) -> tuple[ClusterSpec, Check]:
    """Return the default cluster of ``place`` and the check of its staging, which may be a bucket nobody named."""
    try:
        spec = resolve(**place.keywords())
    except ConfigError as error:
        unnamed = Finding("staging", "fail", error.message, error.hint)
        return resolve(staging="gs://none", **place.keywords()), lambda: unnamed
    return spec, partial(bucket, spec.staging)

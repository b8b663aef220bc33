"""Our package beside the DAGs of a Composer environment: what templates and operators need of it, without dependencies.

Composer's DAG folder is on the path of Airflow's Python, so what lies there can be imported; ``.airflowignore`` keeps
Airflow from looking for DAGs in it.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

PACKAGE = "dask_dataproc"
PARTS = ("clusters", "init_actions", "pipelines")
"""The subpackages that go along: the others need Dask or Jupyter, which Airflow's environment never gets."""
IGNORE = ".airflowignore"
IGNORED = f"{PACKAGE}/"
"""Read alike as a regular expression, Airflow 2's default, and as a glob, Airflow 3's."""


def put_package(folder: Path) -> Path:
    """Put the installed package into ``folder`` and return its place there.

    The same version gives the same files, from a wheel and from a checkout. It takes the place of an older one in two
    renames: killed between them, there is none, and the next call puts it there.

    Parameters
    ----------
    folder : Path
        That of the DAGs; made if it is not there. Its ``.airflowignore`` gets a line more.

    Returns
    -------
    Path
        ``folder``/dask_dataproc, which has ``dask_dataproc-VERSION.dist-info`` beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    release = version("dask-dataproc")
    source = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory(prefix=".dask-dataproc-", dir=folder) as draft:
        fresh, old = Path(draft) / "fresh", Path(draft) / "old"
        old.mkdir()
        for path in _files(source):
            target = fresh / PACKAGE / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        info = fresh / f"{PACKAGE}-{release}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dask-dataproc\nVersion: {release}\n")
        for present in [folder / PACKAGE, *folder.glob(f"{PACKAGE}-*.dist-info")]:
            if present.exists():
                present.rename(old / present.name)
        for made in (fresh / PACKAGE, info):
            made.rename(folder / made.name)
    _ignore(folder / IGNORE)
    return folder / PACKAGE


def _files(source: Path) -> list[Path]:
    """Return the package's files that go along: modules and data, nothing hidden or compiled."""
    inside = [path for part in PARTS for path in (source / part).rglob("*") if path.is_file()]
    kept = [path for path in inside if not _made(path.relative_to(source))]
    return [source / "__init__.py", source / "py.typed", *sorted(kept)]


def _made(inside: Path) -> bool:
    return inside.suffix == ".pyc" or any(part.startswith(".") or part == "__pycache__" for part in inside.parts)


def _ignore(path: Path) -> None:
    """Have the file at ``path`` name the package; what it says already stays."""
    said = path.read_text(encoding="utf-8") if path.exists() else ""
    if IGNORED not in said.splitlines():
        path.write_text(f"{said}{'' if said.endswith(chr(10)) or not said else chr(10)}{IGNORED}\n", encoding="utf-8")

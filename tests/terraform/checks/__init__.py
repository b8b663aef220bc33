"""What checkov does not look for, as checks of its own kind: buckets' and Composer's keys, Dask's ports, the public."""

from glob import glob
from os.path import basename, dirname, join

__all__ = [basename(file)[:-3] for file in glob(join(dirname(__file__), "*.py")) if not file.endswith("__init__.py")]

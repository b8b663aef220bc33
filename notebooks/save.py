"""Executes the notebooks of this folder and saves what they give; the tests hold them to it (`make notebooks`)."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent

for path in sorted(HERE.glob("*.ipynb")):
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(HERE)}}
    NotebookClient(notebook, resources=where, coalesce_streams=True, record_timing=False).execute()
    notebook.metadata.language_info = {"name": "python"}  # without the version of whoever saved it
    nbformat.write(notebook, path)
    print(f"{path.name} saved")

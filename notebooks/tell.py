"""Tells what an executed notebook did: each cell that said something, and what it said (`make demo`)."""

import sys
from textwrap import indent

import nbformat

for cell in nbformat.read(sys.argv[1], as_version=4).cells:
    said = "".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.get("outputs", []))
    if said:
        print(cell.source.splitlines()[-1], indent(said.rstrip(), "    "), sep="\n")

#!/usr/bin/env bash
# Makes a notebook's kernel on the machine that runs it: an environment of its own, and the kernelspec that leads to it.
# What is there whole is left as it is. Prints one line: the kernel's name and its Python.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$(basename "$here")
version=$(cat "$here/python-version")
data=${XDG_DATA_HOME:-$HOME/.local/share}
venv=$data/dask-dataproc/kernels/$name
spec=${JUPYTER_DATA_DIR:-$data/jupyter}/kernels/$name
mkdir -p "$(dirname "$venv")" "$spec"

# Two tasks of one worker may want it at once.
exec 9>"$venv.lock"
flock 9
cd "$here"
if ! cmp -s requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    if command -v uv >/dev/null; then
        uv venv -q --no-project --python "$version" "$venv" >&2
        uv pip install -q --no-deps --python "$venv/bin/python" -r requirements.txt >&2
    elif command -v "python$version" >/dev/null; then
        "python$version" -m venv "$venv" >&2
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r requirements.txt >&2
    else
        echo "$name: neither uv nor python$version is here; one of them makes its environment" >&2
        exit 1
    fi
    cp requirements.txt "$venv/requirements.txt"
fi
printf '{"argv": ["%s", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "%s", "language": "python"}\n' \
    "$venv/bin/python" "$name" >"$spec/kernel.json.new"
mv "$spec/kernel.json.new" "$spec/kernel.json"
echo "$name $venv/bin/python"

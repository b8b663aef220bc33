#!/usr/bin/env bash
# Makes the two Airflows the generated DAG is tried on, each in a venv of its own from its lock: build/airflow-2.11, build/airflow-3.
# A venv whose stamp equals its lock is left alone. `setup.sh --lock DATE` makes the locks anew from the packages known on DATE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
uv=${UV:-$root/.venv/bin/uv}

if [ "${1:-}" = --lock ]; then
    for version in 2.11 3; do
        (cd "$here" && "$uv" pip compile -q --no-header --python-version 3.11 --exclude-newer "$2" \
            "requirements-$version.in" -o "requirements-$version.txt")
    done
    exit
fi

for version in 2.11 3; do
    lock=$here/requirements-$version.txt
    venv=$root/build/airflow-$version
    stamp=$venv/.installed
    if cmp -s "$lock" "$stamp"; then continue; fi
    "$uv" venv -q --clear --python 3.11 "$venv"
    VIRTUAL_ENV=$venv "$uv" pip sync -q --compile-bytecode "$lock"
    cp "$lock" "$stamp"
done

#!/usr/bin/env bash
# Makes the Airflows that DAGs are tried on, each in a venv of its own from its lock (build/airflow-2.11, build/airflow-3;
# on build/airflow-2.10 they are parsed alone), and build/mlflow, the server of the models' registry.
# A venv whose stamp equals its lock is left alone. `setup.sh --lock DATE` makes the locks anew from the packages known on DATE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
uv=${UV:-$root/.venv/bin/uv}

if [ "${1:-}" = --lock ]; then
    for each in 2.10 2.11 3 mlflow; do
        (cd "$here" && "$uv" pip compile -q --no-header --python-version 3.11 --exclude-newer "$2" \
            "requirements-$each.in" -o "requirements-$each.txt")
    done
    exit
fi

for each in airflow-2.10 airflow-2.11 airflow-3 mlflow; do
    lock=$here/requirements-${each#airflow-}.txt
    venv=$root/build/$each
    stamp=$venv/.installed
    if cmp -s "$lock" "$stamp"; then continue; fi
    "$uv" venv -q --clear --python 3.11 "$venv"
    VIRTUAL_ENV=$venv "$uv" pip sync -q --compile-bytecode "$lock"
    cp "$lock" "$stamp"
done

#!/usr/bin/env bash
# Installs ansible-core and ansible-lint from their lock into build/ansible, apart from our own environment; half a minute,
# once. `setup.sh --lock` makes the lock anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
uv=${UV:-$root/.venv/bin/uv}
lock=$here/requirements.txt venv=$root/build/ansible

if [ "${1:-}" = --lock ]; then
    (cd "$here" && "$uv" pip compile -q --no-header --python-version 3.11 requirements.in -o requirements.txt)
    exit
fi
if cmp -s "$lock" "$venv/.installed"; then exit; fi
"$uv" venv -q --clear --python 3.11 "$venv"
VIRTUAL_ENV=$venv "$uv" pip sync -q --compile-bytecode "$lock"
cp "$lock" "$venv/.installed"

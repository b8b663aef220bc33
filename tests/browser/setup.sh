#!/usr/bin/env bash
# What the browser tests need: Debian's Chromium and fonts, and axe-core, which looks at accessibility, in build/axe; once.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=4.10.3

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

need() { # need COMMAND PACKAGE...
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    command -v apt-get >/dev/null || { echo "tests/browser/setup.sh: $command is needed: install $*" >&2; exit 1; }
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
}

need chromium chromium fonts-dejavu-core
if [ "$(cat "$root/build/axe/.version" 2>/dev/null)" != "$version" ]; then
    need npm npm
    mkdir -p "$root/build/axe"
    archive=$(cd "$root/build/axe" && npm pack --silent "axe-core@$version")
    tar --extract --gzip --file "$root/build/axe/$archive" --directory "$root/build/axe" --strip-components=1 package/axe.min.js
    rm "$root/build/axe/$archive"
    echo "$version" >"$root/build/axe/.version"
fi

#!/usr/bin/env bash
# Fetches Hadoop's own ResourceManager and NodeManager for tests/yarn: jars into build/hadoop/lib (77 MB), once,
# and beside them bin/yarn, which stands for the command of that name on a Dataproc node.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
hadoop=$here/../../build/hadoop
stamp=$hadoop/.pom

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null && return
    command -v apt-get >/dev/null || { echo "tests/yarn/setup.sh: $1 is needed: install $2" >&2; exit 1; }
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$2" >/dev/null
}

need java openjdk-17-jre-headless
if ! cmp -s "$here/pom.xml" "$stamp"; then
    need mvn maven
    rm -rf "${hadoop:?}/lib"
    mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$hadoop/lib"
    cp "$here/pom.xml" "$stamp"
fi
mkdir -p "$hadoop/bin"
install -m 755 "$here/yarn" "$hadoop/bin/yarn"

#!/usr/bin/env bash
# Installs into build/bin, from source and once: fake-gcs-server, the Cloud Storage server the gs:// tests talk to (two
# minutes), and actionlint, which reads the GitHub workflow we write.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

install() { # NAME PACKAGE VERSION
    local stamp=$root/build/bin/.$1
    if [ "$(cat "$stamp" 2>/dev/null)" = "$3" ]; then return; fi
    if ! command -v go >/dev/null; then
        echo "tests/gcs/setup.sh: Go 1.24 or newer is needed to build $1: https://go.dev/doc/install" >&2
        exit 1
    fi
    GOBIN=$root/build/bin go install "$2@$3"
    echo "$3" >"$stamp"
}

install fake-gcs-server github.com/fsouza/fake-gcs-server v1.56.1
install actionlint github.com/rhysd/actionlint/cmd/actionlint v1.7.12

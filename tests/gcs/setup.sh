#!/usr/bin/env bash
# Installs fake-gcs-server, the Cloud Storage server the gs:// tests talk to, into build/bin: from source, two minutes, once.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=v1.56.1
stamp=$root/build/bin/.fake-gcs-server

if [ "$(cat "$stamp" 2>/dev/null)" = "$version" ]; then exit; fi
if ! command -v go >/dev/null; then
    echo "tests/gcs/setup.sh: Go 1.24 or newer is needed to build fake-gcs-server: https://go.dev/doc/install" >&2
    exit 1
fi
GOBIN=$root/build/bin go install "github.com/fsouza/fake-gcs-server@$version"
echo "$version" >"$stamp"

#!/usr/bin/env bash
# Installs fake-gcs-server, the Google Cloud Storage server the gs:// tests talk to, into build/bin (from source: about two minutes, once).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=v1.56.1
stamp=$root/build/bin/.fake-gcs-server

if [ "$(cat "$stamp" 2>/dev/null)" = "$version" ]; then exit; fi
GOBIN=$root/build/bin go install "github.com/fsouza/fake-gcs-server@$version"
echo "$version" >"$stamp"

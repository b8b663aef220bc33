#!/usr/bin/env bash
# Unpacks Debian's Prometheus, with promtool, into build/prometheus, once: installed, it would be started as a service.
# jq, which docs/alerts.md uses, is installed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$root/build/prometheus

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if [ -x "$folder/usr/bin/promtool" ] && command -v jq >/dev/null; then exit; fi
command -v apt-get >/dev/null || {
    echo "tests/monitoring/setup.sh: jq is needed, and prometheus and promtool in $folder/usr/bin" >&2
    exit 1
}
as_root apt-get -qq update
if ! command -v jq >/dev/null; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends jq >/dev/null
fi
if [ -x "$folder/usr/bin/promtool" ]; then exit; fi
mkdir -p "$folder"
(cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download prometheus)
dpkg-deb --extract "$folder"/prometheus_*.deb "$folder/.new"
rm "$folder"/prometheus_*.deb
mv "$folder/.new/usr" "$folder/usr"
rm -r "$folder/.new"

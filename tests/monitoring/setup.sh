#!/usr/bin/env bash
# Unpacks Debian's Prometheus, with promtool, into build/prometheus, once: installed, it would be started as a service.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$root/build/prometheus

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if [ -x "$folder/usr/bin/promtool" ]; then exit; fi
command -v apt-get >/dev/null || {
    echo "tests/monitoring/setup.sh: Prometheus is needed: put prometheus and promtool into $folder/usr/bin" >&2
    exit 1
}
as_root apt-get -qq update
mkdir -p "$folder"
(cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download prometheus)
dpkg-deb --extract "$folder"/prometheus_*.deb "$folder/.new"
rm "$folder"/prometheus_*.deb
mv "$folder/.new/usr" "$folder/usr"
rm -r "$folder/.new"

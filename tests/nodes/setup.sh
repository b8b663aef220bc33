#!/usr/bin/env bash
# What the tests with real Debian nodes need: programs, if they are missing, and the nodes' root file system in
# build/nodes/base, 45 seconds, once. With Hadoop's jars there (tests/yarn/setup.sh) they become a layer for it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
declare -A packages=(
    [mmdebstrap]=mmdebstrap [systemd-nspawn]=systemd-container [nft]=nftables [dnsmasq]=dnsmasq-base [ip]=iproute2
    [zstd]=zstd
)

if ((EUID != 0)); then
    echo "tests/nodes/setup.sh: Debian nodes need root, this is user $EUID" >&2
    exit 1
fi
missing=()
for program in "${!packages[@]}"; do
    command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
if ((${#missing[@]})); then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

bash "$root/tests/nodes/nfs/setup.sh"
bash "$root/tests/gcs/setup.sh"
bash "$root/emulator/image/base.sh" "$root/build/nodes/base"
if [[ -d $root/build/hadoop/lib ]]; then
    layer=$root/build/nodes/hadoop
    rm -rf "$layer"
    mkdir -p "$layer/usr/lib/hadoop"
    cp --archive --link "$root/build/hadoop/lib" "$layer/usr/lib/hadoop/lib"
fi

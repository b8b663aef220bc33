#!/usr/bin/env bash
# Installs what the tests of storage and git on nodes need: a real NFS server, Debian's user-mode Linux, OpenSSH's server.
set -euo pipefail

packages=(nfs-ganesha nfs-ganesha-vfs rpcbind nfs-common user-mode-linux openssh-server)
missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
((${#missing[@]})) || exit 0
((EUID == 0)) || { echo "tests/nodes/nfs/setup.sh: as root: apt-get install ${missing[*]}" >&2; exit 1; }
# Installed to be run by the tests alone: no service is started, and none at the next boot.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get install --quiet --yes --no-install-recommends "${missing[@]}" >/dev/null

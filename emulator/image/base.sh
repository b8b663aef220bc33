#!/usr/bin/env bash
# Builds the root file system that all Debian nodes of the emulator share, read-only: base.sh FOLDER
# Debian 12 from the host's own apt sources, what a Dataproc image has that our init actions and YARN use, and the
# agent and units that lie beside this script. Bootstrapped anew only if this script has changed; the other files are
# copied if they have, which nodes that run may notice.
#
# Needs: root, mmdebstrap. Reads SOURCES: a file of apt sources for Debian 12, if the host's own are of something else.
set -euo pipefail

readonly SUITE=bookworm
readonly PACKAGES=(
  systemd systemd-sysv dbus udev kmod procps util-linux-extra e2fsprogs
  iproute2 iputils-ping netbase nfs-common curl ca-certificates openssh-client
  python3 python3-venv git zstd openjdk-17-jre-headless
)
# What a node of the lab does not need at each boot.
readonly IDLE=(
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
  rpcbind.service rpcbind.socket nfs-client.target remote-fs.target systemd-pstore.service console-getty.service
  getty.target ssh.service rpc-statd-notify.service nfs-blkmap.service
)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

main() {
  local base=$1
  ((EUID == 0)) || fail 'must run as root'
  command -v mmdebstrap >/dev/null || fail 'mmdebstrap is missing: apt-get install mmdebstrap'
  local stamp
  stamp=$(sha256sum <"${BASH_SOURCE[0]}")
  if [[ $(cat "$base/etc/lab-base" 2>/dev/null) != "$stamp" ]]; then
    rm -rf "$base" "$base.new"
    mkdir -p "$(dirname "$base")"
    bootstrap "$base.new"
    settle "$base.new"
    echo "$stamp" >"$base.new/etc/lab-base"
    mv "$base.new" "$base"
  fi
  add_files "$base"
}

fail() {
  echo "base.sh: $*" >&2
  exit 1
}

bootstrap() {
  local list include sources=()
  for list in "${SOURCES:-}" /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if [[ -f $list ]] && grep -q "\<$SUITE\>" "$list"; then
      sources=("$list")
      break
    fi
  done
  include=$(IFS=,; echo "${PACKAGES[*]}")
  # shellcheck disable=SC2016  # for mmdebstrap to expand
  mmdebstrap --quiet --mode=root --variant=minbase --include="$include" \
    --essential-hook='mkdir -p "$1/usr/share/man/man1"' \
    --aptopt='Acquire::Languages "none"' --dpkgopt='force-unsafe-io' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' "$SUITE" "$1" "${sources[@]}"
}

settle() {
  local root=$1 unit
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt" # trust what the host trusts
  : >"$root/etc/machine-id"                                                       # each node gets its own
  for unit in "${IDLE[@]}"; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
  mkdir -p "$root/hadoop-fs" "$root/usr/lib/hadoop/lib" "$root/etc/hadoop/conf"
}

add_files() {
  local root=$1 units=$1/etc/systemd/system
  install --compare -m 0755 "$here/agent.sh" "$root/usr/local/sbin/dataproc-agent"
  install --compare -m 0755 "$here/yarn.sh" "$root/usr/bin/yarn"
  install --compare -D -m 0755 "$here/hadoop.sh" "$root/usr/lib/hadoop/bin/run"
  install --compare -m 0644 "$here"/*.service "$units/"
  install --compare -m 0644 "$here"/*.xml "$here"/log4j.properties "$root/etc/hadoop/conf/"
  install --compare -D -m 0644 "$here/journald.conf" "$root/etc/systemd/journald.conf.d/lab.conf"
  mkdir -p "$units/multi-user.target.wants"
  ln -sf ../dataproc-agent.service "$units/multi-user.target.wants/"
}

main "$@"

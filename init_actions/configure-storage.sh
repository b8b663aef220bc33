#!/usr/bin/env bash
# Gives a node its storage: scratch on local SSDs (else on the boot disk), Filestore at /shared, and how gs:// is read.
# Dataproc runs it as root on each node, before install-dask.sh. It may be run again: what is done, stays. It makes
# itself a service that runs before Dask's at each later boot, when /tmp has been emptied and a local SSD may be new.
#
# Needs: Debian 12 (Dataproc 2.2, 2.3), the metadata server, systemd; for Filestore nfs-common.
# Reads: the node's attributes dask-filestore (HOST:/EXPORT; none: no /shared), dask-gcsfs (JSON) and dask-runtime.
# Writes: /mnt/N, /tmp/dask-worker-space, /shared with its folders, its lines of /etc/dask-dataproc/node.env,
#   dask-storage.service, and the user dask.
# Says: each step with its seconds; if one fails, why, on the last line.
#
# Not tried on Dataproc itself. Tried on Debian 12: with loop devices under systemd-nspawn, with a real NFS 4.1 client
# and a disk under user-mode Linux (tests/nodes/test_storage.py).
set -euo pipefail

# What a node is: beside this script in the repository. On a node the text itself stands here: staging puts it in.
NODE=$(<"$(dirname "${BASH_SOURCE[0]}")/node.yaml")

# value NAME  Print what that says of NAME.
value() {
  sed --quiet "s/^$1: *//p" <<<"$NODE"
}

ACCOUNT=$(value account) ACCOUNT_HOME=$(value home) ACCOUNT_SHELL=$(value shell) SETTINGS=$(value settings)
SCRATCH=$(value scratch) MOST_SPILL=$(value most_spill) SHARED=$(value shared)
NFS_PORT=$(value nfs_port) NFS_OPTIONS=$(value nfs_options) NFS_SECONDS=$(value nfs_seconds)
read -ra SCRATCH_VARIABLES < <(value scratch_folders | tr --delete '[],')
SCRATCH_FOLDERS=("${SCRATCH_VARIABLES[@]#*=}")
read -ra SHARED_FOLDERS < <(value shared_folders | tr --delete '[],')
readonly NODE ACCOUNT ACCOUNT_HOME ACCOUNT_SHELL SETTINGS SCRATCH SCRATCH_VARIABLES SCRATCH_FOLDERS MOST_SPILL
readonly SHARED SHARED_FOLDERS NFS_PORT NFS_OPTIONS NFS_SECONDS
readonly METADATA=http://metadata.google.internal/computeMetadata/v1/instance/attributes
readonly LABEL=dask-scratch
readonly LEAST_FREE=$((1 << 30))
readonly PROGRAM=/usr/local/sbin/dask-configure-storage
readonly UNIT=/etc/systemd/system/dask-storage.service
readonly TRIES=4

STEP='start' REASON=''

main() {
  trap 'say_the_end $?' EXIT
  step 'read the attributes' read_attributes
  step 'make the account' make_account
  step 'mount the local SSDs' mount_local_ssds
  step 'lay out the scratch' lay_out_scratch
  if [[ $filestore ]]; then
    step 'reach the Filestore' reach_filestore
    step 'mount the Filestore' mount_filestore
    step 'make the shared folders' make_shared_folders
  fi
  step 'write the settings' write_settings
  step 'see to the next boots' enable
}

say_the_end() {
  (($1 == 0)) || echo "configure-storage: could not $STEP${REASON:+: $REASON}" >&2
}

# step WHAT COMMAND…  Run it and say for how long it ran. Not to be used in a condition: it would switch `set -e` off.
step() {
  STEP=$1 REASON=''
  local began=$SECONDS
  shift
  "$@"
  say "$STEP: $((SECONDS - began)) s"
}

say() {
  echo "configure-storage: $*"
}

# run COMMAND…  Run it; if it fails, what it said is the reason.
run() {
  local said status=0
  said=$("$@" 2>&1 </dev/null) || status=$?
  ((status == 0)) && return
  REASON=$(tr --squeeze-repeats '[:space:]' ' ' <<<"${said:-$1 ended with $status}")
  REASON=${REASON% }
  return "$status"
}

read_attributes() {
  REASON='the metadata server does not answer'
  filestore=$(attribute dask-filestore)
  gcsfs=$(attribute dask-gcsfs)
  runtime=$(attribute dask-runtime)
  REASON="filestore: '$filestore' given, allowed is HOST:/EXPORT"
  [[ -z $filestore || $filestore =~ ^[^:[:space:]]+:/[^[:space:]]*$ ]]
  REASON='dask-gcsfs is no JSON object on one line'
  [[ -z $gcsfs || ($gcsfs == \{*\} && $gcsfs != *[\'$'\n']*) ]]
}

# attribute NAME  Print an attribute of the node; nothing if it has none of that name.
attribute() {
  local said
  # --fail: else what the server says while it is busy would come before what it says at last.
  said=$(curl --silent --fail --retry "$TRIES" --retry-connrefused --retry-max-time 60 --max-time 10 \
    --header 'Metadata-Flavor: Google' --write-out '\n%{http_code}' "$METADATA/$1") || true
  case ${said##*$'\n'} in
    200) echo "${said%$'\n'*}" ;;
    404) ;;
    *) return 1 ;;
  esac
}

make_account() {
  getent passwd "$ACCOUNT" >/dev/null || run useradd --system --user-group --no-create-home \
    --home-dir "$ACCOUNT_HOME" --shell "$ACCOUNT_SHELL" "$ACCOUNT"
}

# Dataproc itself mounts local SSDs at /mnt/1, /mnt/2, …; what it has not mounted gets a file system and goes beside.
mount_local_ssds() {
  local disk number=1
  for disk in $(local_ssds); do
    if findmnt --source "$disk" >/dev/null; then continue; fi
    case $(content "$disk") in
      '') run mkfs.ext4 -q -F -m 0 -L "$LABEL" "$disk" ;; # one -F: what is in use is refused all the same
      "$LABEL") ;;
      *)
        say "$disk is left alone: it holds $(content "$disk")"
        continue
        ;;
    esac
    while mountpoint --quiet "/mnt/$number"; do ((number += 1)); done
    mkdir --parents "/mnt/$number"
    run mount -o noatime,nosuid,nodev,discard "$disk" "/mnt/$number"
  done
}

# The local SSDs, by the names that Google's udev rules give them; without udev, as the kernel names them.
local_ssds() {
  local disk
  if [[ -d /dev/disk/by-id ]]; then
    find /dev/disk/by-id -name 'google-local-*ssd-*' ! -name '*-part*' | sort --version-sort |
      xargs --no-run-if-empty realpath
  else
    for disk in /dev/nvme0n{1..8}; do [[ ! -b $disk ]] || echo "$disk"; done
  fi
}

# content DISK  Print nothing of a disk without content, our label of our own file system, else what is on it.
content() {
  local status=0 said
  said=$(blkid --probe --output export "$1" 2>&1) || status=$?
  case $status in
    0) if grep --quiet --line-regexp "LABEL=$LABEL" <<<"$said"; then echo "$LABEL"; else kind "$said"; fi ;;
    2) ;;
    *) echo 'what cannot be told' ;;
  esac
}

kind() {
  local found
  found=$(sed --quiet 's/^\(PT\)\?TYPE=//p' <<<"$1")
  echo "${found:-data}"
}

# The folders are dealt out over the disks. No RAID: not every image has mdadm, and Dataproc has mounted each by itself.
lay_out_scratch() {
  local disks folder home number=0 mode=0700
  if [[ $runtime == yarn ]]; then mode=1777; fi # YARN's containers run as somebody else
  mapfile -t disks < <(scratch_disks)
  run install --directory --owner="$ACCOUNT" --group="$ACCOUNT" "$SCRATCH"
  for folder in "${SCRATCH_FOLDERS[@]}"; do
    run install --directory --owner="$ACCOUNT" --group="$ACCOUNT" --mode="$mode" "$SCRATCH/$folder"
    if ((${#disks[@]} == 0)) || mountpoint --quiet "$SCRATCH/$folder"; then continue; fi
    home=${disks[number++ % ${#disks[@]}]}/dask-worker-space/$folder
    mkdir --parents "${home%/*}"
    run install --directory --owner="$ACCOUNT" --group="$ACCOUNT" --mode="$mode" "$home"
    run mount --bind "$home" "$SCRATCH/$folder"
  done
  free=$(free_bytes)
  say "scratch on ${disks[*]:-the boot disk}, $((free / 1000000)) MB free"
  REASON="worker_disk_gb: $((free / 1000000)) MB free, at least $((LEAST_FREE / 1000000)) MB are needed"
  ((free >= LEAST_FREE))
  REASON=''
  echo "x $SCRATCH" >/etc/tmpfiles.d/dask-dataproc.conf # not to be cleaned of what looks old
}

# Where local SSDs are mounted, one a line.
scratch_disks() {
  local place
  for place in /mnt/{1..8}; do
    if [[ $(findmnt --noheadings --output SOURCE --mountpoint "$place") == /dev/* ]]; then echo "$place"; fi
  done
}

free_bytes() {
  df --output=avail --block-size=1 "$SCRATCH/${SCRATCH_FOLDERS[0]}" | tail -n 1
}

# A mount of an absent server would wait for minutes, and then say nothing of why.
reach_filestore() {
  local host=${filestore%%:*} try
  if mountpoint --quiet "$SHARED"; then return; fi
  for ((try = 1; try <= TRIES; try++)); do
    # shellcheck disable=SC2016  # the inner shell's own parameters
    run timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$NFS_PORT" && return
    ((try < TRIES)) && sleep $((2 ** try))
  done
  REASON="filestore: no NFS server answers at $host:$NFS_PORT"
  return 1
}

# By hand, not by fstab: the service mounts it again at each boot. systemd knows it as shared.mount all the same.
mount_filestore() {
  if mountpoint --quiet "$SHARED"; then return; fi
  mkdir --parents "$SHARED"
  if ! run timeout --kill-after=5 "$NFS_SECONDS" mount -t nfs -o "$NFS_OPTIONS" "$filestore" "$SHARED"; then
    REASON="filestore: $filestore: $REASON"
    return 1
  fi
}

# Whoever reaches the export may write; nobody removes what is another's. Folders that are there keep their modes.
make_shared_folders() {
  local folder missing=()
  for folder in "${SHARED_FOLDERS[@]}"; do
    [[ -d $SHARED/$folder ]] || missing+=("$SHARED/$folder")
  done
  if ((${#missing[@]})); then run timeout 30 mkdir --parents --mode=1777 "${missing[@]}"; fi
}

# Replace our lines of the file and leave those of others.
write_settings() {
  local ours others=''
  ours=$(settings)
  if [[ -f $SETTINGS ]]; then
    others=$(awk -F= 'NR == FNR { ours[$1]; next } !($1 in ours)' <(echo "$ours") "$SETTINGS")
  fi
  mkdir --parents "${SETTINGS%/*}"
  echo "${others:+$others$'\n'}$ours" >"$SETTINGS.new"
  run mv "$SETTINGS.new" "$SETTINGS"
}

# Spilling ends at ADR-002's 50 GB a worker, or earlier where the disk has less: at four fifths of what is free.
settings() {
  local spill=$((free * 4 / 5)) variable
  for variable in "${SCRATCH_VARIABLES[@]}"; do
    echo "${variable%%=*}=$SCRATCH/${variable#*=}"
  done
  echo "DASK_DISTRIBUTED__WORKER__MEMORY__MAX_SPILL=$((spill < MOST_SPILL ? spill : MOST_SPILL))"
  if [[ $gcsfs ]]; then echo "FSSPEC_GS='$gcsfs'"; fi
}

enable() {
  [[ ${BASH_SOURCE[0]} -ef $PROGRAM ]] || run install --mode=0755 "${BASH_SOURCE[0]}" "$PROGRAM"
  if [[ -f $UNIT && $(unit) == "$(<"$UNIT")" ]]; then return; fi # as the service, at a later boot
  unit >"$UNIT"
  run systemctl daemon-reload
  run systemctl enable --quiet "${UNIT##*/}"
}

unit() {
  cat <<END
[Unit]
Description=Storage of this Dask node
Wants=network-online.target
After=network-online.target local-fs.target systemd-tmpfiles-setup.service
Before=dask-head.service dask-worker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$PROGRAM
TimeoutStartSec=300

[Install]
WantedBy=multi-user.target
END
}

# Sourced, for its functions, it does nothing.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main; fi

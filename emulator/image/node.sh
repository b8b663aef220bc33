#!/usr/bin/env bash
# A Debian node of the emulator, from power-on to power-off: the process that stands for the machine. Started as leader
# of a session, in the node's folder, by `unshare --mount --net`: when it ends, however it ends, the node's root file
# system, its network and its processes end with it.
#
# SIGTERM presses the power button (an orderly power-off); SIGKILL cuts the power; a reboot boots the same disk again.
# If there is a file named keep at an orderly power-off, the disk is written to disk.tar, which the next power-on reads.
# Reads the environment: NAME, ADDRESS and DOMAIN of the node; NETWORK, the lab's first three bytes of an address; LAB,
# the process that holds the lab's network; LOWER, the folders of the root file system as overlayfs wants them; GROUP,
# its control group; DISK, the size of its disk as tmpfs wants it; ARGUMENTS, further ones for systemd-nspawn.
set -euo pipefail

main() {
  hide_notes
  make_disk
  join_network
  trap press_power_button TERM
  setpriv --pdeathsig KILL tail --pid="$LAB" --follow /dev/null &
  watch=$!
  local status=133 # systemd-nspawn's status at a reboot
  while ((status == 133)); do
    power_on &
    machine=$!
    wait_for_end
  done
  kill "$watch"
  if [[ -e keep && $status == 0 ]]; then keep_disk; fi
  return "$status"
}

# What systemd-nspawn notes for itself about the node goes with it, too.
hide_notes() {
  mkdir -p /run/systemd/nspawn
  mount -t tmpfs node-notes /run/systemd/nspawn
}

# The disk is memory: overlayfs on a real one is slow and erratic here.
make_disk() {
  mkdir -p disk root
  mount -t tmpfs -o "size=$DISK,mode=755" node-disk disk
  mkdir disk/upper disk/work
  if [[ -e disk.tar ]]; then
    tar --extract --file=disk.tar --directory=disk/upper --xattrs --xattrs-include='*' --numeric-owner
    rm disk.tar
  fi
  rm -f keep
  mount -t overlay -o "lowerdir=$LOWER,upperdir=disk/upper,workdir=disk/work" node-root root
  echo "$NAME" >root/etc/hostname
  printf 'nameserver 169.254.169.254\nsearch %s google.internal\n' "$DOMAIN" >root/etc/resolv.conf
  printf '127.0.0.1 localhost\n%s %s\n169.254.169.254 metadata.google.internal metadata\n' \
    "$ADDRESS" "$NAME.$DOMAIN $NAME" >root/etc/hosts
}

# What the node has written, with overlayfs's own notes of what it has removed; whole or not at all.
keep_disk() {
  umount root
  tar --create --file=disk.new --directory=disk/upper --xattrs --xattrs-include='*' --numeric-owner .
  mv disk.new disk.tar
}

# Its interface has Compute Engine's name; the other end is a port of the lab's bridge.
join_network() {
  local port=port${ADDRESS##*.} mac
  # shellcheck disable=SC2086  # four numbers
  mac=$(printf '42:01:%02x:%02x:%02x:%02x' ${ADDRESS//./ }) # Compute Engine's rule: the next node of that address has it
  nsenter --target "$LAB" --net ip link delete "$port" 2>/dev/null || true # of a node that had the address before
  ip -batch - <<END
link set lo up
link add ens4 mtu 1400 address $mac type veth peer name $port mtu 1400 netns $LAB
address add $ADDRESS/24 dev ens4
link set ens4 up
route add default via $NETWORK.1
END
  nsenter --target "$LAB" --net ip link set "$port" master br0 up
}

power_on() {
  local hierarchy
  for hierarchy in /sys/fs/cgroup{,/systemd,/unified}; do
    if [[ -e $hierarchy/cgroup.procs ]]; then
      mkdir -p "$hierarchy/$GROUP"
      echo "$BASHPID" >"$hierarchy/$GROUP/cgroup.procs"
    fi
  done
  # /tmp is on the disk, as on the real node.
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_TMPFS_TMP=0
  # shellcheck disable=SC2086  # several arguments
  # A process namespace around it: systemd-nspawn alone would leave the node running if it is killed.
  exec setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount-proc \
    systemd-nspawn --quiet --directory=root --machine="$NAME" --boot --keep-unit --register=no --link-journal=no \
    --network-namespace-path=/proc/self/ns/net --resolv-conf=off --timezone=off $ARGUMENTS </dev/null
}

press_power_button() {
  local nspawn
  if [[ ${machine:-} ]] && nspawn=$(pgrep --parent "$machine"); then kill -TERM "$nspawn"; fi
}

# Sets status; a lab that has gone takes the node with it.
wait_for_end() {
  local ended=''
  until [[ ${ended:-} ]]; do # unset by a wait that a signal ended
    status=0
    wait -n -p ended "$machine" "$watch" || status=$?
  done
  [[ $ended == "$machine" ]] || kill -KILL "$machine"
}

main

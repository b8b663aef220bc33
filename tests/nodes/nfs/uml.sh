#!/usr/bin/env bash
# A node with a kernel of its own, Debian's user-mode Linux: boots a root file system twice, so that a real NFS client and
# a real disk can be tried where the host's kernel has no NFS. Started in a folder of its own by `unshare --mount`.
#
# Reads the environment: LAB, the process that holds the lab's network; LOWER, the folders of the root file system; SSD, a
# file that is the disk /dev/ubda; REPORT, a folder that is /report there.
set -euo pipefail

mkdir -p disk root
mount -t tmpfs -o size=2g,mode=755 node-disk disk
mkdir disk/upper disk/work
mount -t overlay -o "lowerdir=$LOWER,upperdir=disk/upper,workdir=disk/work" node-root root
mkdir -p root/report root/lib/modules
mount --bind "$REPORT" root/report
mount --bind /usr/lib/uml/modules root/lib/modules

enter=(nsenter --target "$LAB" --net)
"${enter[@]}" ip tuntap add umt0 mode tap
"${enter[@]}" ip link set umt0 mtu 1400 master br0 up
for boot in 1 2; do
  echo "$boot" >root/etc/boot-number
  "${enter[@]}" setpriv --pdeathsig KILL linux.uml mem=512M root=/dev/root rootfstype=hostfs rootflags="$PWD/root" rw \
    vec0:transport=tap,ifname=umt0,depth=128,gro=0 ubda="$SSD" con=null con0=null,fd:1 \
    systemd.unified_cgroup_hierarchy=1 </dev/null
done

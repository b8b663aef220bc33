#!/usr/bin/env bash
# The network that Debian nodes of the emulator share: a bridge, names, and Compute Engine's metadata server on its
# well-known address. Started by `unshare --net`, becomes the command it is given (the metadata server), which holds the
# network: when it ends, all of it has gone.
#
# lab.sh NETWORK HOSTS RESOLVER COMMAND…   NETWORK: first three bytes, HOSTS: folder of files of addresses and names,
#   RESOLVER: a resolv.conf to ask for other names, or '' for none.
set -euo pipefail
network=$1 hosts=$2 resolver=$3
shift 3

# Said, and not left to the bridge, which would take another with each port that comes or goes.
# shellcheck disable=SC2086  # three numbers
mac=$(printf '42:01:%02x:%02x:%02x:01' ${network//./ })

ip -batch - <<END
link set lo up
link add br0 mtu 1400 address $mac type bridge
address add $network.1/24 dev br0
address add 169.254.169.254/32 dev br0
link set br0 up
END
echo 1 >/proc/sys/net/ipv4/ip_forward
ask=(--no-resolv)
[[ ! $resolver ]] || ask=(--resolv-file="$resolver")
# Not --keep-in-foreground: that changes its credentials, and the kernel forgets that it is to end with the lab.
setpriv --pdeathsig KILL dnsmasq --no-daemon --conf-file=/dev/null \
  --listen-address=169.254.169.254 --bind-interfaces --no-hosts --hostsdir="$hosts" --local=/internal/ \
  --host-record=metadata.google.internal,169.254.169.254 "${ask[@]}" &
exec "$@"

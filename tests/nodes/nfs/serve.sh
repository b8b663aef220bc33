#!/usr/bin/env bash
# A real NFS server, 3 and 4.1: serve.sh ADDRESS FOLDER exports FOLDER as /vol1 at ADDRESS, until it is ended. Started in
# the lab's network by `unshare --mount`; its state and rpcbind's are of this mount namespace alone.
set -euo pipefail
address=$1 folder=$2

mount -t tmpfs nfs-run /run
mount -t tmpfs nfs-state /var/lib/nfs
mkdir -p /run/rpcbind /run/ganesha /var/lib/nfs/ganesha
setpriv --pdeathsig KILL rpcbind -f -w -h "$address" &
cat >/run/ganesha.conf <<END
NFS_CORE_PARAM {
  Protocols = 3, 4;
  Bind_addr = $address;
  Enable_NLM = false;
  Enable_RQUOTA = false;
  mount_path_pseudo = true;
}
NFSv4 {
  Graceless = true;
  RecoveryBackend = fs;
}
EXPORT {
  Export_Id = 1;
  Path = $folder;
  Pseudo = /vol1;
  Access_Type = RW;
  Squash = No_root_squash;
  SecType = sys;
  Protocols = 3, 4;
  Transports = TCP;
  FSAL { Name = VFS; }
}
LOG { Default_Log_Level = EVENT; }
END
exec setpriv --pdeathsig KILL ganesha.nfsd -F -f /run/ganesha.conf -L STDOUT -p /run/ganesha.pid

#!/usr/bin/env bash
# Stands in for Dataproc's agent on a Debian node of the emulator: starts YARN where the cluster asks for it, runs the
# initialization actions at the first boot, and says at every boot through the guest attributes how that went.
#
# Reads: the node's attributes dask-runtime, dask-memory, dask-vcpus, dataproc-role, dataproc-master, dataproc-bucket,
#   dataproc-cluster-uuid, dask-storage-endpoint; lab-properties: a line "FILE:NAME=VALUE" for each; lab-init-actions: a
#   line "SECONDS URI" for each.
# Writes: /var/log/dataproc-initialization-script-N.log, the same as an object in the bucket; /etc/hadoop/conf.
set -uo pipefail

readonly INSTANCE=http://metadata.google.internal/computeMetadata/v1/instance
readonly SCRIPTS=/etc/google-dataproc/startup-scripts
readonly LOG=/var/log/dataproc-initialization-script
readonly DONE=/var/lib/dataproc-agent/done
readonly HADOOP=/etc/hadoop/conf

main() {
  [[ $(attribute dask-runtime) == yarn ]] && start_yarn
  if [[ ! -e $DONE ]]; then
    endpoint=$(attribute dask-storage-endpoint)
    endpoint=${endpoint:-https://storage.googleapis.com}
    bucket=$(attribute dataproc-bucket)
    outputs=google-cloud-dataproc-metainfo/$(attribute dataproc-cluster-uuid)/$(ask name)
    run_actions || return
    mkdir -p "${DONE%/*}" && touch "$DONE"
  fi
  say READY=1
}

# ask PATH…  What the metadata server says; while it is slow or answers 503 it is asked again, for four minutes.
ask() {
  curl --silent --fail --max-time 60 --retry 200 --retry-delay 1 --retry-max-time 240 --retry-connrefused \
    --header 'Metadata-Flavor: Google' "${@:2}" "$INSTANCE/$1"
}

# attribute NAME  Nothing if the node has no such attribute.
attribute() {
  ask "attributes/$1" || true
}

# say LINE…  Tell the emulator.
say() {
  printf '%s\n' "$@" | ask guest-attributes/dataproc/state --request PUT --data-binary @-
}

run_actions() {
  local number=0 uri seconds status
  mkdir -p "$SCRIPTS"
  while read -r seconds uri <&3; do
    echo "initialization action $number: $uri"
    run_action "$number" "$uri" "$seconds" >"$LOG-$number.log" 2>&1
    status=$?
    cat "$LOG-$number.log"
    upload "$LOG-$number.log" "$outputs/${LOG##*/}-${number}_output"
    echo "initialization action $number: status $status"
    if ((status != 0)); then
      say FAILED=1 "ACTION=$uri" "STATUS=$status" "OUTPUT=${bucket:+gs://$bucket/$outputs/${LOG##*/}-${number}_output}"
      return 1
    fi
    number=$((number + 1))
  done 3< <(attribute lab-init-actions)
}

# run_action NUMBER URI SECONDS  Run it as root, as Dataproc does; 124 if it took too long.
run_action() {
  local script=$SCRIPTS/${LOG##*/}-$1 place=${2#gs://}
  if ! storage "storage/v1/b/${place%%/*}/o/$(quoted "${place#*/}")?alt=media" --output "$script"; then
    echo "$2 cannot be read"
    return 1
  fi
  chmod 0755 "$script"
  cd / && timeout --kill-after=5 "$3" "$script" </dev/null 3<&-
}

# upload FILE OBJECT
upload() {
  [[ ! $bucket ]] || storage "upload/storage/v1/b/$bucket/o?uploadType=media&name=$(quoted "$2")" \
    --request POST --header 'Content-Type: text/plain' --data-binary "@$1" --output /dev/null
}

# storage PATH OPTION…  Ask Cloud Storage; the token is passed on standard input, where no process list shows it.
storage() {
  local token
  token=$(ask service-accounts/default/token | sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')
  printf 'header = "Authorization: Bearer %s"\n' "$token" |
    curl --silent --show-error --fail --max-time 120 --retry 4 --retry-connrefused --config - "${@:2}" "$endpoint/$1"
}

quoted() {
  python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$1"
}

# properties FILE  Print what the cluster's definition says of one of Hadoop's files, as that file has it.
properties() {
  attribute lab-properties |
    sed --quiet "s|^$1:\([^=]*\)=\(.*\)|<property><name>\1</name><value>\2</value></property>|p"
}

# The master runs the ResourceManager, every other node a NodeManager with all but one core and 2 GiB.
start_yarn() {
  local memory vcpus
  memory=$(($(attribute dask-memory) / (1 << 20) - 2048))
  vcpus=$(($(attribute dask-vcpus) - 1))
  sed --in-place --expression "s|@MASTER@|$(attribute dataproc-master)|; s|@NODE@|$(hostname)|" \
    --expression "s|@MEMORY@|$((memory > 1024 ? memory : 1024))|; s|@VCPUS@|$((vcpus > 1 ? vcpus : 1))|" \
    "$HADOOP/yarn-site.xml"
  sed --in-place '/<\/configuration>/d' "$HADOOP/yarn-site.xml"
  { properties yarn && echo '</configuration>'; } >>"$HADOOP/yarn-site.xml" # of two with one name the last one counts
  { echo '<configuration>' && properties capacity-scheduler && echo '</configuration>'; } >"$HADOOP/capacity-scheduler.xml"
  # HDFS is reached by network; the folder in its place is not among those that the head may write to.
  mkdir -p /etc/systemd/system/dask-head.service.d
  printf '[Service]\nReadWritePaths=/hadoop-fs\n' >/etc/systemd/system/dask-head.service.d/lab.conf
  if [[ $(attribute dataproc-role) == Master ]]; then
    systemctl --no-block start hadoop-yarn-resourcemanager.service
    [[ $(attribute dataproc-worker-count) == 0 ]] || return 0
  fi
  systemctl --no-block start hadoop-yarn-nodemanager.service
}

main

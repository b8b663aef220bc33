#!/usr/bin/env bash
# Makes a node of a Dataproc cluster a node of a Dask cluster. Dataproc runs it as root on each node: on the master it
# starts the scheduler, on every other node a worker, on a single node both. It may be run again: what is done, stays.
#
# Needs: Debian 12 (Dataproc 2.2, 2.3), the metadata server, gcloud, systemd, and an index that has the kernel's packages.
# Reads: the node's attributes dask-nodes, dataproc-role and dataproc-worker-count; dask-nodes is the folder with
#   requirements.txt and node.zip that dask_dataproc.clusters.staging wrote.
# Writes: /opt/dask-dataproc, /etc/systemd/system/dask-{head,worker}.service, the user dask with /var/lib/dask.
# Says: each step with its seconds; if one fails, why, on the last line.
#
# Not tried on Dataproc itself. Tried: on Debian 12 with stand-ins for the metadata server, gcloud and systemctl; its units
# by systemd-analyze; the programs of node.zip as a cluster of their own (tests/nodes).
set -euo pipefail

readonly METADATA=http://metadata.google.internal/computeMetadata/v1/instance/attributes
readonly PLACE=/opt/dask-dataproc
readonly UNITS=/etc/systemd/system
readonly ACCOUNT=dask
readonly TRIES=4

STEP='start' REASON=''

main() {
  trap 'say_the_end $?' EXIT
  work=$(mktemp -d)
  step 'read the attributes' read_attributes
  step 'fetch the node files' retry gcloud storage cp "$nodes/requirements.txt" "$nodes/node.zip" "$work/"
  step 'install the packages' install_packages
  step 'install the node programs' install_programs
  step 'make the account' make_account
  for service in "${services[@]}"; do
    step "start dask-$service" start "$service"
  done
}

say_the_end() {
  rm -rf "${work:-}"
  (($1 == 0)) || echo "install-dask: could not $STEP${REASON:+: $REASON}" >&2
}

# step WHAT COMMAND…  Run it and say for how long it ran. Not to be used in a condition: that would switch `set -e` off.
step() {
  STEP=$1
  local began=$SECONDS
  shift
  "$@"
  echo "install-dask: $STEP: $((SECONDS - began)) s"
}

# retry COMMAND…  Run it until it succeeds, TRIES times at most; wait 2, 4, 8 s in between.
retry() {
  local try
  for ((try = 1; try <= TRIES; try++)); do
    "$@" && return
    ((try < TRIES)) && sleep $((2 ** try))
  done
  return 1
}

read_attributes() {
  local role workers
  nodes=$(attribute dask-nodes)
  role=$(attribute dataproc-role)
  workers=$(attribute dataproc-worker-count)
  case $role/$workers in
    Master/0) services=(head worker) ;;
    Master/*) services=(head) ;;
    *) services=(worker) ;;
  esac
}

attribute() {
  curl --silent --show-error --fail --retry "$TRIES" --retry-connrefused --max-time 10 \
    --header 'Metadata-Flavor: Google' "$METADATA/$1"
}

# A virtual environment with exactly the kernel's packages. Complete or not there: the stamp is written last.
install_packages() {
  local python stamp
  REASON='no Python with venv and ensurepip'
  python=$(find_python)
  REASON=''
  stamp=$("$python" --version && sha256sum <"$work/requirements.txt")
  if [[ -f $PLACE/stamp && $(<"$PLACE/stamp") == "$stamp" ]]; then return; fi
  "$python" -m venv --clear "$PLACE"
  local install=("$PLACE/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps)
  if "$PLACE/bin/python" -m pip install --quiet --disable-pip-version-check uv; then
    install=("$PLACE/bin/python" -m uv pip install --quiet --python "$PLACE/bin/python" --compile-bytecode --no-deps)
  fi
  if ! retry "${install[@]}" --requirement "$work/requirements.txt"; then
    REASON=$(culprit "${install[@]}")
    return 1
  fi
  echo "$stamp" >"$PLACE/stamp"
}

# The first Python that can make a virtual environment: Dataproc's own, Debian's.
find_python() {
  local python
  for python in /opt/conda/default/bin/python /opt/conda/miniconda3/bin/python /usr/bin/python3; do
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  return 1
}

# culprit INSTALL…  Print the first package that cannot be installed by itself, and what was said of it.
culprit() {
  local requirement said
  while read -r requirement; do
    if ! said=$("$@" --dry-run "$requirement" 2>&1); then
      echo "package $requirement cannot be installed: $(tr --squeeze-repeats '[:space:]' ' ' <<<"$said")"
      return
    fi
  done <"$work/requirements.txt"
  echo 'each package can be installed, not all together'
}

install_programs() {
  local site
  site=$("$PLACE/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  rm -rf "$site/dask_dataproc_node"
  "$PLACE/bin/python" -m zipfile -e "$work/node.zip" "$site"
  "$PLACE/bin/python" -m compileall -q "$site/dask_dataproc_node"
}

make_account() {
  getent passwd "$ACCOUNT" >/dev/null || useradd --system --user-group --no-create-home \
    --home-dir /var/lib/dask --shell /usr/sbin/nologin "$ACCOUNT"
}

# start SERVICE  Start or restart it; returns when it has said that it is ready: a worker waits for the scheduler.
start() {
  unit "$1" >"$UNITS/dask-$1.service"
  systemctl daemon-reload
  systemctl enable --quiet "dask-$1.service"
  if ! systemctl restart "dask-$1.service"; then
    REASON=$(journalctl --unit "dask-$1.service" --output cat --grep . --lines 1 || true)
    return 1
  fi
}

# unit SERVICE  Print its systemd unit.
# Start: a worker waits ten minutes for the scheduler. Stop: SIGTERM for the first process alone, which moves the
# worker's data to its peers before it ends what it has started.
unit() {
  cat <<END
[Unit]
Description=Dask $1 of this Dataproc cluster
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart=$PLACE/bin/python -m dask_dataproc_node.$1
User=$ACCOUNT
StateDirectory=dask
WorkingDirectory=/var/lib/dask
Environment=HOME=/var/lib/dask PYTHONUNBUFFERED=1
LimitNOFILE=65536
NoNewPrivileges=yes
Restart=on-failure
RestartSec=5
TimeoutStartSec=660
KillMode=mixed
TimeoutStopSec=150

[Install]
WantedBy=multi-user.target
END
}

# Sourced, for its functions, it does nothing.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main; fi

#!/usr/bin/env bash
# Makes a node of a Dataproc cluster a node of a Dask cluster: the kernel's packages, our programs, the services.
# Dataproc runs it as root on each node, after configure-storage.sh. It may be run again: what is done, stays.
#
# The environment comes from STAGING/environments/KEY: as the archive that an earlier node left there, else built from
# the lock by uv, on a base that has most of it if there is one; then the master leaves the archive for all to come.
#
# Needs: Debian 12 (Dataproc 2.2, 2.3), the metadata server, curl, systemd; an index only where there is no archive.
# Reads: the node's attributes, see read_attributes.
# Writes: /opt/dask-dataproc, /etc/systemd/system/dask-{head,worker,departure}.service, the user dask with /var/lib/dask.
# Says: each step with its seconds; if one fails, why, on the last line.
#
# Not tried on Dataproc itself. Tried on Debian 12 nodes with a metadata server and a Cloud Storage server (tests/nodes).
set -euo pipefail

# What a node is: beside this script in the repository. On a node the text itself stands here: staging puts it in.
NODE=$(<"$(dirname "${BASH_SOURCE[0]}")/node.yaml")

# value NAME  Print what that says of NAME.
value() {
  sed --quiet "s/^$1: *//p" <<<"$NODE"
}

PLACE=$(value place) SETTINGS=$(value settings)
ACCOUNT=$(value account) ACCOUNT_HOME=$(value home) ACCOUNT_SHELL=$(value shell)
readonly NODE PLACE SETTINGS ACCOUNT ACCOUNT_HOME ACCOUNT_SHELL
readonly INSTANCE=http://metadata.google.internal/computeMetadata/v1/instance
readonly PROGRAM=$PLACE/install-dask.sh
readonly UNITS=/etc/systemd/system
readonly CREDENTIALS=/run/dask-dataproc.netrc
readonly KNOX=/usr/lib/knox
readonly OPS_AGENT=/etc/google-cloud-ops-agent
readonly TRIES=4
readonly DASHBOARD_PORT=8787

STEP='start' REASON=''

main() {
  trap 'say_the_end $?' EXIT
  work=$(mktemp -d)
  step 'read the attributes' read_attributes
  step 'get the environment' get_environment
  step 'install the node programs' install_programs
  step 'make the account' make_account
  if [[ $repository ]]; then step 'check out the repository' check_out; fi
  for service in "${services[@]}"; do
    step "start dask-$service" start "$service"
  done
  if [[ $monitoring ]]; then step 'offer the metrics to the Ops Agent' offer_metrics; fi
  if [[ $role == Master ]]; then
    if [[ $runtime == yarn ]]; then step 'make a folder for YARN' make_hadoop_folder; fi
    step 'offer the dashboard to Component Gateway' offer_dashboard
    if [[ $built ]]; then step 'begin to publish the environment' begin_to_publish; fi
  fi
}

say_the_end() {
  rm -rf "${work:-}" "$CREDENTIALS"
  (($1 == 0)) || echo "install-dask: could not $STEP${REASON:+: $REASON}" >&2
}

# step WHAT COMMAND…  Run it and say for how long it ran. Not to be used in a condition: it would switch `set -e` off.
step() {
  STEP=$1 REASON=''
  local began=$EPOCHREALTIME
  shift
  "$@"
  say "$STEP: $(awk "BEGIN { printf \"%.2f\", $EPOCHREALTIME - $began }") s"
}

say() {
  echo "install-dask: $*"
}

# run COMMAND…  Run it; if it fails, what it said is the reason.
run() {
  local said status=0
  said=$("$@" 2>&1 </dev/null) || status=$?
  ((status == 0)) && return
  [[ $said != Traceback* ]] || said=${said##*$'\n'}
  REASON=$(flat "${said:-$1 ended with $status}")
  return "$status"
}

flat() {
  tr --squeeze-repeats '[:space:]' ' ' <<<"$1" | sed 's/ $//'
}

read_attributes() {
  REASON='the metadata server does not answer'
  nodes=$(attribute dask-nodes)
  environment=$(attribute dask-environment)
  runtime=$(attribute dask-runtime)
  role=$(attribute dataproc-role)
  workers=$(attribute dataproc-worker-count)
  repository=$(attribute dask-git-repository)
  monitoring=$(attribute dask-monitoring)
  storage=$(attribute dask-storage-endpoint)
  index_secret=$(attribute dask-index-secret)
  python_downloads=$(attribute dask-python-downloads)
  REASON="staging: '$nodes' given, allowed is gs://BUCKET/FOLDER"
  [[ $nodes == gs://*/* && $environment == gs://*/* ]]
  REASON=''
  case $role/$workers/$runtime in
    Master/0/*) services=(head worker) ;;
    Master/*) services=(head) ;;
    */yarn) services=(departure) ;; # the head asks YARN for workers
    *) services=(worker) ;;
  esac
  built=''
}

# attribute NAME  Print an attribute of the node; nothing if it has none of that name.
attribute() {
  local said
  # --fail: else what the server says while it is busy would come before what it says at last.
  said=$(curl --silent --fail --retry 8 --retry-connrefused --retry-max-time 60 --max-time 20 \
    --header 'Metadata-Flavor: Google' --write-out '\n%{http_code}' "$INSTANCE/attributes/$1") || true
  case ${said##*$'\n'} in
    200) echo "${said%$'\n'*}" ;;
    404) ;;
    *) return 1 ;;
  esac
}

# gcs PATH OPTION…  Ask Cloud Storage. The token goes in by standard input: an argument would be in the list of processes.
gcs() {
  local path=$1
  shift
  token | curl --config - --silent --show-error --fail --connect-timeout 10 --max-time 300 \
    --speed-limit 10000 --speed-time 30 "$@" \
    "${storage:-https://storage.googleapis.com}/$path"
}

token() {
  curl --silent --fail --retry "$TRIES" --max-time 20 --header 'Metadata-Flavor: Google' \
    "$INSTANCE/service-accounts/default/token" |
    sed --quiet 's/.*"access_token": *"\([^"]*\)".*/header = "Authorization: Bearer \1"/p'
}

# object URL  Print the path of gs://BUCKET/NAME in the API.
object() {
  local rest=${1#gs://}
  echo "storage/v1/b/${rest%%/*}/o/$(encoded "${rest#*/}")"
}

encoded() {
  local LC_ALL=C text=$1 at character # bytes, not letters
  for ((at = 0; at < ${#text}; at++)); do
    character=${text:at:1}
    case $character in
      [a-zA-Z0-9._~-]) printf '%s' "$character" ;;
      *) printf '%%%02X' "'$character" ;;
    esac
  done
}

# download URL FILE  With retries; what is not there is not asked for again.
download() {
  run gcs "$(object "$1")?alt=media" --retry "$TRIES" --retry-connrefused --output "$2"
}

# known FOLDER FILE FIELD  Print a field of a small JSON object in staging; fail if there is no such object.
known() {
  local text
  text=$(gcs "$(object "$1/$2")?alt=media" --retry "$TRIES" --retry-connrefused 2>/dev/null) || return 1
  sed --quiet "s/.*\"$3\": *\"\\([^\"]*\\)\".*/\\1/p" <<<"$text"
}

# generation URL  Print the generation of an object, 0 if there is none.
generation() {
  local text
  text=$(gcs "$(object "$1")" --retry "$TRIES" --retry-connrefused 2>/dev/null) || text=''
  text=$(sed --quiet 's/.*"generation": *"\([0-9]*\)".*/\1/p' <<<"$text" | head -n 1)
  echo "${text:-0}"
}

get_environment() {
  local key=${environment##*/}
  if [[ -f $PLACE/env/.key && $(<"$PLACE/env/.key") == "$key" ]]; then
    say "environment $key is there already"
    return
  fi
  new=$PLACE/new
  run mkdir --parents "$PLACE"
  run rm -rf "$new" # of a run that was cut short
  run mkdir --mode=0755 "$new"
  if unpack "$environment"; then
    say "environment $key unpacked from its archive"
  else
    replaces=$(generation "$environment/environment.json") # 0, or of one whose archive is not what it says
    build
    built=yes
  fi
  if [[ -d $new/python ]]; then
    rm -rf "$PLACE/python"
    mv "$new/python" "$PLACE/python"
  fi
  echo "$key" >"$new/env/.key"
  rm -rf "$PLACE/env"
  mv "$new/env" "$PLACE/env"
  rm -rf "$new"
  echo "PATH=$PLACE/env/bin:\$PATH" >/etc/profile.d/dask-dataproc.sh
}

# unpack FOLDER  Unpack the archive of an environment in staging into $new; fail if there is none that is whole.
unpack() {
  local archive sum wanted try
  archive=$(known "$1" environment.json archive) && wanted=$(known "$1" environment.json sha256) || return 1
  [[ $archive != *.zst ]] || command -v zstd >/dev/null || return 1
  for ((try = 1; try <= 3; try++)); do
    rm -rf "$new"
    mkdir --mode=0755 "$new"
    if sum=$(unpack_and_sum "$1/$archive") && [[ ${sum%% *} == "$wanted" ]]; then return; fi
    say "$archive is not whole, try $try of 3"
    ((try == 3)) || sleep "$try"
  done
  rm -rf "$new"
  mkdir --mode=0755 "$new"
  return 1
}

# The stream is unpacked and summed at once: no second copy on the disk, no second look at it.
unpack_and_sum() {
  {
    gcs "$(object "$1")?alt=media" | tee /dev/fd/3 | expand "$1" | tar --extract --directory "$new"
  } 3>&1 >/dev/null 2>&4 | sha256sum
} 4>&2

expand() {
  if [[ $1 == *.zst ]]; then zstd --decompress --stdout --quiet -; else gzip --decompress --stdout; fi
}

# A virtual environment of exactly the lock, made beside the present one.
build() {
  local python minor base
  minor=$(known "$environment" about.json python) || REASON="$environment/about.json cannot be read"
  [[ $minor ]]
  download "$nodes/uv-linux-x86_64" "$work/uv" || fetch_uv
  chmod 0755 "$work/uv"
  fetch_lock
  export UV_NO_CONFIG=1 UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy UV_CACHE_DIR=$work/cache UV_HTTP_RETRIES=5
  export UV_PYTHON_INSTALL_DIR=$PLACE/python ${python_downloads:+UV_PYTHON_DOWNLOADS_JSON_URL="$python_downloads"}
  # As pip does: a version may be in any of the indexes. uv alone would look no further than the first with the name.
  if grep --quiet '^--extra-index-url' "$work/lock/requirements.txt"; then export UV_INDEX_STRATEGY=unsafe-best-match; fi
  base=$(known "$environment" about.json base) || base=''
  if [[ $base ]] && unpack "${environment%/*}/$base"; then
    if [[ -d $new/python ]]; then bring "$new/python"; fi
    say "built on environment $base"
  else
    python=$(python_of "$minor") || {
      bring_python "$minor"
      REASON="Python $minor does not run here"
      python=$(python_of "$minor")
    }
    run "$work/uv" venv --quiet --relocatable --python "$python" "$new/env"
  fi
  if [[ $index_secret ]]; then write_netrc; fi
  install_lock
  rm -f "$CREDENTIALS"
  rm -rf "$work/cache"
}

# install_lock  Make $new/env what the lock says; if that fails, name the package, unless none is to blame.
install_lock() {
  local package
  run "$work/uv" pip sync --quiet --python "$new/env/bin/python" --compile-bytecode "$work/lock/requirements.txt" && return
  case $REASON in
    *'No space left'* | *'Read-only file system'*) ;;
    *'client error (Connect)'*) REASON="an index cannot be reached: $REASON" ;;
    *)
      package=$(blamed)
      REASON="package ${package:-in the lock} cannot be installed: $REASON"
      ;;
  esac
  return 1
}

# Print what the lock says of the package that uv complains of: the one that REASON names first.
blamed() {
  sed --quiet --expression "s|^$work/lock/wheels/\([^-]*\)-\([^-]*\)-.*|\1==\2|" --expression '/^[^-#].*[=@]/p' \
    "$work/lock/requirements.txt" | REASON=$REASON awk '
      BEGIN { said = " " tolower(ENVIRON["REASON"]) " "; gsub(/[-_.]+/, "-", said); gsub(/[^a-z0-9-]/, " ", said) }
      { name = tolower($0); sub(/[ =@<>!~[;].*/, "", name); gsub(/[-_.]+/, "-", name) }
      name == "" || !(at = match(said, "[ -]" name "[ -]")) { next }
      !first || at < first || at == first && length(name) > long { first = at; long = length(name); found = $0 }
      END { print found }'
}

fetch_lock() {
  local wheel
  mkdir --parents "$work/lock/wheels"
  download "$environment/requirements.txt" "$work/lock/requirements.txt"
  sed --in-place "s|^\./wheels/|$work/lock/wheels/|" "$work/lock/requirements.txt"
  while read -r wheel; do
    download "$environment/wheels/${wheel##*/}" "$work/lock/wheels/${wheel##*/}"
  done < <(grep "^$work/lock/wheels/" "$work/lock/requirements.txt")
}

# No uv was staged: the kernel is not on Linux. Any Python with pip has one.
fetch_uv() {
  local python
  for python in /opt/conda/default/bin/python /opt/conda/miniconda3/bin/python /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      run "$python" -m pip install --quiet --target "$work/pip" uv
      mv "$work/pip/bin/uv" "$work/uv"
      return
    fi
  done
  REASON='no uv in staging, and no pip to get one'
  return 1
}

# python_of MINOR  Print an interpreter of that version: Debian's, Dataproc's, one that was brought.
python_of() {
  local python
  for python in "/usr/bin/python$1" /opt/conda/default/bin/python /opt/conda/miniconda3/bin/python \
    "$PLACE"/python/*/bin/"python$1"; do
    if [[ $("$python" -c 'import sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) == "$1" ]]; then
      echo "$python"
      return
    fi
  done
  return 1
}

bring_python() {
  say "no Python $1 on this node: uv brings it"
  run "$work/uv" python install --quiet "$1"
}

# bring FOLDER  Put the Python of an archive where its environment looks for it.
bring() {
  rm -rf "$PLACE/python"
  mv "$1" "$PLACE/python"
}

# Credentials of private indexes, in netrc's form, out of Secret Manager into memory: there until the lock is installed.
write_netrc() {
  local name=$index_secret said
  [[ $name == */versions/* ]] || name+=/versions/latest
  REASON="packages.index-secret: $index_secret cannot be read"
  said=$(token | curl --config - --silent --fail --retry "$TRIES" --max-time 20 \
    "https://secretmanager.googleapis.com/v1/$name:access" | sed --quiet 's/.*"data": *"\([^"]*\)".*/\1/p')
  [[ $said ]]
  export NETRC=$CREDENTIALS
  (umask 077 && base64 --decode <<<"$said" >"$CREDENTIALS")
  REASON=''
}

install_programs() {
  download "$nodes/node.zip" "$work/node.zip"
  rm -rf "$PLACE/node.new"
  run "$PLACE/env/bin/python" -m zipfile -e "$work/node.zip" "$PLACE/node.new"
  run "$PLACE/env/bin/python" -m compileall -q "$PLACE/node.new/dask_dataproc_node" # the rest is for jobs
  rm -rf "$PLACE/node"
  mv "$PLACE/node.new" "$PLACE/node"
  run install --mode=0644 "$PLACE/node/dask_dataproc_node/job.py" "$PLACE/job.py"
}

make_account() {
  getent passwd "$ACCOUNT" >/dev/null || run useradd --system --user-group --no-create-home \
    --home-dir "$ACCOUNT_HOME" --shell "$ACCOUNT_SHELL" "$ACCOUNT"
}

check_out() {
  local said
  said=$(env ${storage:+STORAGE_EMULATOR_HOST="$storage" GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=false} \
    PYTHONPATH="$PLACE/node" "$PLACE/env/bin/python" -m dask_dataproc_node.git_bootstrap 2>&1 </dev/null) || {
    REASON=$(tail --lines 1 <<<"$said") # above it stands what libraries warned of
    return 1
  }
  say "$(tail --lines 1 <<<"$said")"
}

# start SERVICE  Start or restart it; returns when it has said that it is ready: a worker waits for the scheduler.
start() {
  unit "$1" >"$UNITS/dask-$1.service"
  systemctl daemon-reload
  systemctl enable --quiet "dask-$1.service"
  if ! systemctl restart "dask-$1.service"; then
    REASON=$(journalctl "_SYSTEMD_UNIT=dask-$1.service" --output cat --grep . --lines 1 || true) # its own last word
    return 1
  fi
}

# unit SERVICE  Print its systemd unit.
# Start: a worker waits ten minutes for the scheduler. Stop: SIGTERM for the first process alone, which moves the
# worker's data to its peers before it ends what it has started. Groups: its own journal is what `logs` shows.
unit() {
  cat <<END
[Unit]
Description=Dask $1 of this Dataproc cluster
Wants=network-online.target
After=network-online.target dask-storage.service shared.mount $(after "$1")
StartLimitIntervalSec=600
StartLimitBurst=20

[Service]
Type=notify
ExecStart=$PLACE/env/bin/python -m dask_dataproc_node.$1
User=$ACCOUNT
SupplementaryGroups=systemd-journal
StateDirectory=${ACCOUNT_HOME#/var/lib/}
WorkingDirectory=$ACCOUNT_HOME
Environment=HOME=$ACCOUNT_HOME SKEIN_CONFIG=$ACCOUNT_HOME/.skein PYTHONUNBUFFERED=1
Environment=PYTHONPATH=$PLACE/node
${storage:+Environment=STORAGE_EMULATOR_HOST=$storage GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=false}
EnvironmentFile=-$SETTINGS
LimitNOFILE=65536
MemoryMax=$(memory_limit)
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ReadWritePaths=/tmp /var/tmp -/shared
ProtectHome=yes
PrivateDevices=$(if compgen -G '/dev/nvidia*' >/dev/null; then echo no; else echo yes; fi)
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
Restart=on-failure
RestartSec=5
TimeoutStartSec=660
KillMode=mixed
TimeoutStopSec=150

[Install]
WantedBy=multi-user.target
END
}

# after SERVICE  Print what is stopped after it: YARN's containers are on the machine until their data has left.
after() {
  [[ $1 != departure ]] || echo hadoop-yarn-nodemanager.service
}

# What the machine has but 1 GiB: a runaway service is ended before the system is.
memory_limit() {
  awk '/^MemTotal:/ { print int($2 / 1024 - 1024) "M" }' /proc/meminfo
}

# HDFS has no folder of the account's, in which skein leaves what containers need; elsewhere it makes its own.
make_hadoop_folder() {
  command -v hdfs >/dev/null || return 0
  run runuser -u hdfs -- hdfs dfs -mkdir -p "/user/$ACCOUNT"
  run runuser -u hdfs -- hdfs dfs -chown "$ACCOUNT" "/user/$ACCOUNT"
}

# The agent reads one file. Where somebody else's is, or there is no agent, ours lies where it can be taken from.
offer_metrics() {
  local made=$work/ops-agent.yaml there=$OPS_AGENT/config.yaml
  REASON='what to scrape cannot be told'
  PYTHONPATH=$PLACE/node "$PLACE/env/bin/python" -m dask_dataproc_node.scrape_config >"$made"
  REASON=''
  if [[ ! -s $made ]]; then return; fi
  if [[ ! -d $OPS_AGENT ]] || is_of_others "$there"; then
    run install -D --mode=0644 "$made" /etc/dask-dataproc/ops-agent.yaml
    say "no Ops Agent of ours to configure: see /etc/dask-dataproc/ops-agent.yaml"
    return
  fi
  run install --mode=0644 "$made" "$there"
  run systemctl restart google-cloud-ops-agent
}

# is_of_others FILE  Whether it says something, and is not what we wrote: the agent's package brings comments alone.
is_of_others() {
  [[ -f $1 ]] && ! grep --quiet '^# Of dask-dataproc' "$1" && grep --quiet '^[^#[:space:]]' "$1"
}

# Component Gateway is Knox: a service definition, its rewriting rules, and a line in the topology. It has none of the
# cluster's keys, so it asks on loopback, where the dashboard wants none. No gateway has been met yet. A node without one
# is left as it is, and so is one that knows the service.
offer_dashboard() {
  local topology=/etc/knox/conf/topologies/default.xml folder=$KNOX/data/services/dask/1.0.0
  if [[ ! -f $topology ]]; then
    say 'no Component Gateway here'
    return
  fi
  mkdir --parents "$folder"
  knox_service >"$folder/service.xml"
  knox_rules >"$folder/rewrite.xml"
  chown --recursive knox: "$KNOX/data/services/dask"
  grep --quiet '<role>DASK</role>' "$topology" || sed --in-place \
    "s|</topology>|<service><role>DASK</role><url>http://127.0.0.1:$DASHBOARD_PORT</url></service></topology>|" "$topology"
  run systemctl restart knox
}

knox_service() {
  cat <<END
<service role="DASK" name="dask" version="1.0.0">
  <routes>
    <route path="/dask"><rewrite apply="DASK/in/top" to="request.url"/></route>
    <route path="/dask/**"><rewrite apply="DASK/in/path" to="request.url"/></route>
    <route path="/dask/**?**"><rewrite apply="DASK/in/query" to="request.url"/></route>
  </routes>
</service>
END
}

knox_rules() {
  cat <<END
<rules>
  <rule dir="IN" name="DASK/in/top" pattern="*://*:*/**/dask"><rewrite template="{\$serviceUrl[DASK]}/status"/></rule>
  <rule dir="IN" name="DASK/in/path" pattern="*://*:*/**/dask/{path=**}">
    <rewrite template="{\$serviceUrl[DASK]}/{path=**}"/>
  </rule>
  <rule dir="IN" name="DASK/in/query" pattern="*://*:*/**/dask/{path=**}?{**}">
    <rewrite template="{\$serviceUrl[DASK]}/{path=**}?{**}"/>
  </rule>
</rules>
END
}

# The master alone: other nodes of the cluster have built the same. Beside the work, not before it.
begin_to_publish() {
  [[ ${BASH_SOURCE[0]} -ef $PROGRAM ]] || run install --mode=0755 "${BASH_SOURCE[0]}" "$PROGRAM"
  run systemd-run --quiet --collect --unit=dask-publish --property=RuntimeMaxSec=600 --nice=10 "$PROGRAM" publish "$replaces"
}

# Leave the environment as an archive in staging. Of several clusters that do so at once one wins: by the small object
# that names the archive, which is written only where it still is as it was: absent, or of generation REPLACES.
publish() {
  replaces=${1:-0}
  trap 'say_the_end $?' EXIT
  work=$(mktemp -d)
  step 'read the attributes' read_attributes
  step 'pack the environment' pack
  step 'publish the environment' offer_archive
}

pack() {
  local parts=(env)
  if [[ -d $PLACE/python ]]; then parts+=(python); fi
  suffix=gz pack=(gzip -1)
  if command -v zstd >/dev/null; then suffix=zst pack=(zstd -3 --threads=0 --quiet --stdout); fi
  tar --create --directory "$PLACE" --owner=0 --group=0 --numeric-owner --exclude='dask-dataproc-repository.pth' \
    "${parts[@]}" | "${pack[@]}" >"$work/archive"
}

offer_archive() {
  local sum name rest=${environment#gs://} folder
  folder=${rest#*/}
  sum=$(sha256sum <"$work/archive")
  sum=${sum%% *}
  name=environment-$sum.tar.$suffix
  run upload "$rest" "$folder/$name" "$work/archive" application/octet-stream
  printf '{"archive": "%s", "sha256": "%s", "size": %s}\n' "$name" "$sum" "$(stat --format=%s "$work/archive")" \
    >"$work/environment.json"
  if ! run upload "$rest" "$folder/environment.json" "$work/environment.json" application/json "&ifGenerationMatch=$replaces"; then
    say "another cluster has published it: $REASON"
    [[ $(known "$environment" environment.json archive) == "$name" ]] ||
      run gcs "$(object "$environment/$name")" --request DELETE
  fi
}

# upload BUCKET/… NAME FILE TYPE [QUERY]
upload() {
  gcs "upload/storage/v1/b/${1%%/*}/o?uploadType=media&name=$(encoded "$2")${5:-}" --request POST \
    --header "Content-Type: $4" --upload-file "$3" --output /dev/null
}

# Sourced, for its functions, it does nothing.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  case ${1:-} in
    publish) publish "${2:-}" ;;
    *) main ;;
  esac
fi

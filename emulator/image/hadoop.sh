#!/usr/bin/env bash
# Runs a class of Hadoop: hadoop.sh CLASS. On Java 17 the web application of YARN reflects into ClassLoader.
set -euo pipefail
mkdir -p /hadoop-fs/{user,app-logs,tmp} /var/log/hadoop-yarn
chmod 1777 /hadoop-fs/{user,app-logs,tmp}
exec java --add-opens=java.base/java.lang=ALL-UNNAMED -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Xmx256m \
  -Dhadoop.log.dir=/var/log/hadoop-yarn -Djava.net.preferIPv4Stack=true -cp "$(yarn classpath --glob)" "$1"

#!/usr/bin/env bash
# Stands in for Hadoop's `yarn` command; skein only asks for the class path.
[[ $1 == classpath ]] || { echo "yarn: only 'yarn classpath' is here, given: $*" >&2; exit 2; }
printf '%s' /etc/hadoop/conf
printf ':%s' /usr/lib/hadoop/lib/*.jar
echo

#!/usr/bin/env bash
# Runs two commands at the same time: the first is seen as it goes, the second once it is over. Fails if either does.
set -um # each has a process group of its own: Ctrl-C reaches it, and so does what is done at the end
said=$(mktemp)
bash -c "$2" >"$said" 2>&1 &
second=$!
end() {
    kill -INT -- "-$second" 2>/dev/null && wait "$second"
    rm -f "$said"
}
trap end EXIT
bash -c "$1"
first=$?
if [ "$first" -gt 128 ]; then # it was ended
    exit "$first"
fi
wait "$second"
other=$?
echo "== $2"
cat "$said"
exit $((first || other))

#!/usr/bin/env bash
# Runs commands at the same time: the first is seen as it goes, the others once they are over. Fails if any does.
set -um # each has a process group of its own: Ctrl-C reaches it, and so does what is done at the end
folder=$(mktemp -d)
others=("${@:2}")
pids=()
for number in "${!others[@]}"; do
    bash -c "${others[$number]}" >"$folder/$number" 2>&1 &
    pids+=($!)
done
end() {
    for pid in "${pids[@]}"; do
        kill -INT -- "-$pid" 2>/dev/null && wait "$pid"
    done
    rm -rf "$folder"
}
trap end EXIT
bash -c "$1"
status=$?
if [ "$status" -gt 128 ]; then # it was ended
    exit "$status"
fi
for number in "${!others[@]}"; do
    wait "${pids[$number]}" || status=1
    echo "== ${others[$number]}"
    cat "$folder/$number"
done
exit "$status"

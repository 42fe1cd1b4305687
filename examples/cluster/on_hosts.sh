#!/usr/bin/env bash
# Starts the same sweep on several hosts by ssh, and waits for all of them:
#
#   QGTUNE_STORAGE=redis://db.example examples/cluster/on_hosts.sh "node1 node2 node3" hydra.sweeper.n_trials=200
#
# The working folder has to be there on each host, at the same path. Ctrl-C stops the sweep on all hosts in good order.
set -euo pipefail
hosts=$1
shift
: "${QGTUNE_STORAGE:?set it to a storage that every host can reach}"

command=(
    "${PYTHON:-python}" "${APP:-examples/train.py}" --multirun hydra/sweeper=qgtune
    "hydra.sweeper.study_name=${STUDY:-cluster}" 'hydra.sweeper.storage=${oc.env:QGTUNE_STORAGE}' "$@"
)
# The storage travels on standard input: it may hold a password, and command lines can be read by everybody.
# When that input ends, because this script or the connection did, the sweep there is asked to stop.
remote="cd $(printf %q "$PWD") && read -r QGTUNE_STORAGE && export QGTUNE_STORAGE && exec 3<&0
$(printf '%q ' "${command[@]}") 3<&- &
sweep=\$!
{ cat <&3 >/dev/null; kill -TERM \$sweep; } 2>/dev/null &
wait \$sweep
status=\$?
kill \$! 2>/dev/null
exit \$status"

pids=()
for host in $hosts; do
    ${SSH:-ssh} "$host" "bash -c $(printf %q "$remote")" \
        < <(printf '%s\n' "$QGTUNE_STORAGE" && exec tail -f /dev/null --pid=$$) > >(sed -u "s/^/$host: /") 2>&1 &
    pids+=($!)
done
trap 'kill "${pids[@]}" 2>/dev/null' INT TERM
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
exit "$status"

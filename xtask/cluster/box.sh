#!/usr/bin/env bash
# box.sh up|run|down|list: clusters of one node, each in net, mount and pid namespaces of its own.
#
#   up NAME              starts one; what is left of an earlier one goes first
#   run NAME COMMAND...  runs a command in its namespaces, with KUBECONFIG set and the programs of Kubernetes on the PATH
#   down NAME            ends it and everything in it; the logs stay until the next one of that name
#   guard NAME PID       takes it down when the process ends, however it ends
#   list                 names them
set -euo pipefail
source "$(dirname "$0")/lib.sh"
: "${KECS_CLUSTER_PACKAGES:?}" "${KECS_CLUSTER_IMAGES:?}" "${KECS_CLUSTER_BOXES:?}" "${KECS_CLUSTER_LOGS:?}"

choose() {
    NAME=$1
    BOX=$KECS_CLUSTER_BOXES/$NAME
    # Two checkouts may both have a cluster of this name, and the cgroups are the machine's.
    CGROUP=/kecs-$NAME-$(printf %s "$BOX" | cksum | cut -d' ' -f1)
    export BOX CGROUP
}

# The process id of the cluster's init, when it lives. After a reboot another process may have the number: the namespace tells.
init() {
    local pid namespace
    read -r pid namespace 2>/dev/null <"$BOX/init" || return 1
    [ "$(readlink "/proc/$pid/ns/pid" 2>/dev/null)" = "$namespace" ] && echo "$pid"
}

inside() {
    nsenter --target "$(init)" --net --mount --pid -- "$@"
}

# The roots of the cgroup hierarchies: one of version 2, or those of version 1 with perhaps one of version 2 beside them.
hierarchies() {
    awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts
}

make_cgroups() {
    local root file
    for root in $(hierarchies); do
        mkdir -p "$root$CGROUP"
        # A new cpuset is empty, and holds nothing before it has processors and memory.
        for file in cpuset.cpus cpuset.mems; do
            if [ -e "$root/$file" ] && [ -e "$root$CGROUP/$file" ]; then cat "$root/$file" >"$root$CGROUP/$file"; fi
        done
        # Of version 2 alone: what the kubelet is to limit has to be switched on from the root down.
        if [ "$root" = /sys/fs/cgroup ]; then
            sed 's/^/+/; s/ / +/g' "$root/cgroup.controllers" >"$root/cgroup.subtree_control"
            sed 's/^/+/; s/ / +/g' "$root$CGROUP/cgroup.controllers" >"$root$CGROUP/cgroup.subtree_control"
        fi
    done
}

# A group goes when its last process is gone for good, which takes a moment.
remove_cgroups() {
    local root left=""
    for root in $(hierarchies); do
        for _ in {1..50}; do
            [ -d "$root$CGROUP" ] || break
            find "$root$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
        done
        [ ! -d "$root$CGROUP" ] || left+=" $root$CGROUP"
    done
    [ -z "$left" ] || fail "these cgroups could not be removed:$left"
}

up() {
    if init >/dev/null; then
        echo "cluster $NAME is up already"
        return
    fi
    # init.sh lays something private over these.
    case $HERE in /usr/* | /run/* | /var/lib/* | /var/log/*) fail "clusters need the project elsewhere than below ${HERE%/xtask/cluster}" ;; esac
    echo "cluster $NAME is coming up (some seconds)"
    local started=$EPOCHREALTIME
    down
    mkdir -p "$BOX"/{log,pids,volumes} /tmp/hostpath_pv
    echo $$ >"$BOX/up"
    trap abandon EXIT
    make_cgroups
    spawn init unshare --net --mount --pid --fork --kill-child --propagation private --mount-proc -- "$HERE/init.sh"
    NAMESPACES=$!
    disown # its end needs no message
    wait_for init 30 test -e "$BOX/ready"
    local pid
    pid=$(cat "/proc/$NAMESPACES/task/$NAMESPACES/children")
    pid=${pid%% *}
    echo "$pid $(readlink "/proc/$pid/ns/pid")" >"$BOX/init"

    inside "$HERE/containers.sh" &
    local containers=$!
    inside "$HERE/certificates.sh"
    inside "$HERE/control-plane.sh"
    local control_plane=$EPOCHREALTIME
    wait "$containers"
    inside "$HERE/dns.sh"
    inside "$HERE/node.sh"
    awk -v name="$NAME" -v a="$started" -v b="$control_plane" -v c="$EPOCHREALTIME" \
        'BEGIN { printf "cluster %s is up: control plane %.1f s, node %.1f s, together %.1f s\n", name, b - a, c - b, c - a }'
    trap - EXIT
}

# Takes down what did not come up, also after Ctrl-C. Says so last: nobody may be there to read it.
abandon() {
    trap - EXIT
    # Perhaps before the number of its init was noted. Its end is that of all in it.
    if [ -n "${NAMESPACES:-}" ]; then kill -KILL "$NAMESPACES" 2>/dev/null || true; fi
    down
    fail "cluster $NAME did not come up; its logs are in $KECS_CLUSTER_LOGS/$NAME"
}

run() {
    local pid
    pid=$(init) || fail "cluster $NAME is not up: run \`cargo xtask cluster up $NAME\` first"
    export KUBECONFIG=$BOX/kubeconfig
    # A mount namespace is entered at its root: back to where the caller is.
    # shellcheck disable=SC2016 # the inner shell expands them
    exec nsenter --target "$pid" --net --mount --pid -- bash -c 'cd "$0" && exec "$@"' "$PWD" "$@"
}

down() {
    local pid
    if pid=$(init); then
        kill -KILL "$pid"
        for _ in {1..200}; do
            init >/dev/null || break
            sleep 0.05
        done
    fi
    remove_cgroups
    [ -d "$BOX" ] || return 0
    mkdir -p "$KECS_CLUSTER_LOGS"
    rm -rf "${KECS_CLUSTER_LOGS:?}/$NAME"
    if [ -d "$BOX/log" ]; then cp -r "$BOX/log" "$KECS_CLUSTER_LOGS/$NAME"; fi
    # Its mounts go a moment after its last process.
    for _ in {1..50}; do
        rm -rf "$BOX" 2>/dev/null && break
        sleep 0.1
    done
    [ ! -d "$BOX" ] || fail "$BOX could not be removed"
    # The place on which a cluster mounts its volumes, when nobody else does.
    grep -qs hostpath_pv /proc/[0-9]*/mountinfo || rmdir /tmp/hostpath_pv 2>/dev/null || true
}

guard() {
    tail --pid "$1" -f /dev/null
    # It may have ended while the cluster was coming up.
    if [ -e "$BOX/up" ]; then tail --pid "$(cat "$BOX/up")" -f /dev/null; fi
    down
}

list() {
    local folder
    for folder in "$KECS_CLUSTER_BOXES"/*/; do
        [ -d "$folder" ] || continue
        choose "$(basename "$folder")"
        if init >/dev/null; then echo "$NAME up"; else echo "$NAME dead"; fi
    done
}

command=$1
shift
if [ "$command" != list ]; then
    choose "$1"
    shift
fi
case $command in
up | run | guard | list) "$command" "$@" ;;
down)
    [ -d "$BOX" ] || { echo "cluster $NAME is not up"; exit 0; }
    started=$EPOCHREALTIME
    down
    awk -v name="$NAME" -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "cluster %s is gone after %.1f s\n", name, b - a }'
    ;;
*) fail "unknown command $command" ;;
esac

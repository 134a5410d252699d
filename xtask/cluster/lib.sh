# shellcheck shell=bash disable=SC2034 # what is set here is used by the scripts that source it
# What the scripts of the test cluster share.
#
# They are started by `cargo xtask cluster`, with these in the environment:
#   KECS_CLUSTER_PATH      folders of the programs of Kubernetes and of CoreDNS, as in PATH
#   KECS_CLUSTER_PACKAGES  folder where Debian's packages are unpacked, with usr/ below it
#   KECS_CLUSTER_IMAGES    folder of the image archives that every cluster has
#   KECS_CLUSTER_BOXES     folder with one folder for each cluster
#   KECS_CLUSTER_LOGS      folder where the logs of a cluster are kept when it is gone
# box.sh adds BOX (the cluster's own folder) and CGROUP (its cgroup, below the root of each hierarchy).

export PATH=$KECS_CLUSTER_PATH:$PATH
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# One node has one address. Every cluster has the same: each is alone in its network namespace.
NODE=node1
NODE_IP=10.88.0.1
API=https://$NODE_IP:6443
SERVICES=10.96.0.0/16
API_SERVICE_IP=10.96.0.1
DNS_SERVICE_IP=10.96.0.10
PODS=10.244.0.0/16
PAUSE_IMAGE=registry.test/pause:1
CONTAINERD_SOCKET=/run/containerd/containerd.sock

fail() {
    echo "$*" >&2
    exit 1
}

# spawn NAME COMMAND...: starts a part of the cluster, which lives until the cluster's init is killed.
spawn() {
    local name=$1
    shift
    setsid "$@" >"$BOX/log/$name.log" 2>&1 </dev/null &
    echo $! >"$BOX/pids/$name"
}

# wait_for NAME SECONDS COMMAND...: waits until the command succeeds, and says why not when the part called NAME has died or takes too long.
# To be called where the part was spawned: a process has another number outside of its namespace.
wait_for() {
    local name=$1 seconds=$2 pid started=$SECONDS why=""
    shift 2
    pid=$(cat "$BOX/pids/$name")
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || why="$name has ended"
        ((SECONDS - started < seconds)) || why="$name is not ready after $seconds s"
        if [ -n "$why" ]; then
            tail -n 20 "$BOX/log/$name.log" >&2
            fail "$why; the last lines of its log are above"
        fi
        sleep 0.05
    done
}

# kubectl as the cluster's administrator.
admin() {
    kubectl --kubeconfig "$BOX/kubeconfig" "$@"
}

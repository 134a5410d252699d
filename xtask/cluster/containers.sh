#!/usr/bin/env bash
# containers.sh: containerd with the cluster's images, and the pods' network.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
mkdir -p "$BOX"/{containerd,cni}

cat >"$BOX/cni/10-bridge.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$BOX/cni/addresses", "ranges": [[{"subnet": "$PODS"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON

# An overlay cannot lie on an overlay, which the file system of a container is.
snapshotter=overlayfs
if [ "$(stat -f -c %T "$BOX")" = overlayfs ]; then snapshotter=native; fi

cat >"$BOX/containerd.toml" <<TOML
version = 2
root = "$BOX/containerd/root"
state = "$BOX/containerd/state"
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  # Where root lacks CAP_SYS_RESOURCE, asking for a lower score is what fails every pod.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$BOX/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$snapshotter"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
TOML

spawn containerd containerd --config "$BOX/containerd.toml"
wait_for containerd 60 ctr version
for archive in "$KECS_CLUSTER_IMAGES"/*.tar; do
    ctr --namespace k8s.io images import --snapshotter "$snapshotter" "$archive" >/dev/null
done

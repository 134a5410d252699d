#!/usr/bin/env bash
# node.sh: the kubelet and kube-proxy. Returns when the node is ready for pods.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
PKI=$BOX/pki
: >"$BOX/upstream-resolv.conf" # pods with the node's DNS have none: nothing is out there

cat >"$BOX/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
address: $NODE_IP
healthzBindAddress: 127.0.0.1
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
clusterDNS: [$DNS_SERVICE_IP]
clusterDomain: cluster.local
resolvConf: $BOX/upstream-resolv.conf
volumePluginDir: $BOX/volume-plugins
# Clusters side by side, and machines with the first version of cgroups beside the second.
cgroupDriver: cgroupfs
cgroupRoot: $CGROUP
failCgroupV1: false
failSwapOn: false
# Without this the node is ready ten seconds late.
nodeStatusUpdateFrequency: 1s
syncFrequency: 2s
serializeImagePulls: false
# Images come from archives: none may be collected, and a full disk is the developer's.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
YAML
spawn kubelet env AWS_EC2_METADATA_DISABLED=true kubelet --config="$BOX/kubelet.yaml" \
    --kubeconfig="$PKI/kubelet.kubeconfig" --root-dir="$BOX/kubelet" --hostname-override="$NODE" --node-ip="$NODE_IP"

# The limits of connection tracking are the machine's, and not for a namespace to set.
spawn proxy kube-proxy --kubeconfig="$PKI/proxy.kubeconfig" --proxy-mode=iptables --cluster-cidr="$PODS" \
    --hostname-override="$NODE" --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0 \
    --healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249

ready() { admin get node "$NODE" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' | grep -q True; }
wait_for kubelet 60 ready
# Pods are refused until their account is there.
wait_for controller-manager 60 admin get serviceaccount default

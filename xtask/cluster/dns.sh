#!/usr/bin/env bash
# dns.sh: CoreDNS beside the node, behind the service where pods look for it. Returns when it knows the cluster.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

cat >"$BOX/Corefile" <<CONF
cluster.local in-addr.arpa ip6.arpa {
    bind $NODE_IP
    errors
    ready 127.0.0.1:8181
    kubernetes {
        kubeconfig $BOX/kubeconfig
    }
}
# Nothing else exists. Without an answer resolvers would try again, and tell of a failure instead.
. {
    bind $NODE_IP
    errors
    template ANY ANY {
        rcode NXDOMAIN
    }
}
CONF
spawn dns coredns -conf "$BOX/Corefile"

admin apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: $DNS_SERVICE_IP
  ports: [{name: dns, protocol: UDP, port: 53}, {name: dns-tcp, protocol: TCP, port: 53}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [$NODE_IP], conditions: {ready: true}}]
ports: [{name: dns, protocol: UDP, port: 53}, {name: dns-tcp, protocol: TCP, port: 53}]
YAML
ready() { (exec 3<>/dev/tcp/127.0.0.1/8181 && printf 'GET /ready HTTP/1.0\r\n\r\n' >&3 && head -n 1 <&3 | grep -q ' 200 '); }
wait_for dns 60 ready

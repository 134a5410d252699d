#!/usr/bin/env bash
# check.sh exit-code|dns: checks, inside a cluster, that it works as a Kubernetes does. Says what it saw instead when it does not.
set -euo pipefail

expect() {
    [ "$2" = "$3" ] && echo "$1: $3" && return
    echo "$1: expected $2, got $3" >&2
    exit 1
}

# pod NAME COMMAND: runs a shell command in a pod to its end.
pod() {
    kubectl run "$1" --image busybox --image-pull-policy Never --restart Never --command -- sh -c "$2" >/dev/null
    kubectl wait "pod/$1" --timeout 60s --for 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}' >/dev/null ||
        { kubectl describe "pod/$1" >&2; exit 1; }
}

# A pod is scheduled, its container runs, and how it ended is reported.
exit_code() {
    pod exit-code 'echo out; exit 3'
    expect "exit code of a container" 3 \
        "$(kubectl get pod exit-code -o 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}')"
    expect "log of a container" out "$(kubectl logs exit-code)"
}

# Service discovery: a headless service answers with the addresses of its pods, and what a pod asks for by name it reaches.
dns() {
    kubectl apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-behind-one-address}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - name: web
    image: busybox
    imagePullPolicy: Never
    command: [sh, -c, "echo hello >/var/www/index.html; exec httpd -f -p 80 -h /var/www"]
    readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}
YAML
    kubectl wait pod/web --for condition=Ready --timeout 60s >/dev/null
    local address
    address=$(kubectl get pod web -o 'jsonpath={.status.podIP}')
    # A little later than the pod is ready, CoreDNS and kube-proxy have heard of it.
    pod asker "until nslookup -type=a web.default.svc.cluster.local >/tmp/answer; do sleep 0.1; done
        sed -n 's/^Address: *//p' /tmp/answer | tail -n 1
        until wget -q -O - http://web; do sleep 0.1; done
        until wget -q -O - http://web-behind-one-address; do sleep 0.1; done"
    expect "a name's address, and what is served by name" "$address hello hello" "$(kubectl logs asker | grep -v ^wget: | paste -sd ' ')"
}

case $1 in
exit-code) exit_code ;;
dns) dns ;;
*) echo "unknown check $1" >&2; exit 64 ;;
esac

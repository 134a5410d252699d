#!/usr/bin/env bash
# check.sh exit-code | dns | sidecar IMAGE: checks, inside a cluster, that it works as a Kubernetes does. Says what it saw instead when it does not.
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

# sidecar IMAGE: the image of the sidecar in a pod as tasks have it: there before the task's container and until after it, on 127.0.0.1:4566, with what is
# behind it found by a short and a full name; without any rights; and small.
sidecar() {
    kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Service
metadata: {name: aws}
spec: {selector: {app: aws}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: aws, labels: {app: aws}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: aws
    image: busybox
    imagePullPolicy: Never
    command:
    - sh
    - -c
    - |
      cd /var/www
      mkdir -p bucket v4/0123
      echo object >bucket/key
      echo metadata >v4/0123/task
      exec httpd -f -p 80 -h .
    readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: task}
spec:
  restartPolicy: Never
  initContainers:
  - name: kecs-sidecar
    image: $1
    imagePullPolicy: Never
    restartPolicy: Always
    env:
    - {name: KECS_ENDPOINT, value: http://aws}
    - {name: LOCALSTACK_ENDPOINT, value: http://aws.default.svc.cluster.local}
    startupProbe: {exec: {command: [/kecs-sidecar, --ready]}, periodSeconds: 1}
    securityContext:
      runAsNonRoot: true
      readOnlyRootFilesystem: true
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
      seccompProfile: {type: RuntimeDefault}
  containers:
  - name: app
    image: busybox
    imagePullPolicy: Never
    command:
    - sh
    - -c
    - |
      url=http://127.0.0.1:4566
      wget -q -O - \$url/_kecs/ready | cut -d, -f1
      until wget -q -O - \$url/bucket/key; do sleep 0.1; done
      wget -q -O - \$url/v4/0123/task
      for _ in \$(seq 100); do wget -q -O /dev/null \$url/bucket/key; done
      trap 'wget -q -O - \$url/bucket/key; exit' TERM
      echo served
      sleep infinity & wait
YAML
    local log
    log=$(mktemp)
    # Until the container has ended, of which the log would be gone with its pod.
    kubectl wait pod/task --for condition=Ready --timeout 60s >/dev/null ||
        { kubectl describe pod/task >&2; kubectl logs task --all-containers >&2; exit 1; }
    kubectl logs --follow task --container app >"$log" 2>&1 &
    local following=$! started=$SECONDS
    until grep -q served "$log"; do
        ((SECONDS - started < 60)) || { cat "$log" >&2; exit 1; }
        sleep 0.1
    done

    local status
    status=$(status_of kecs-sidecar "$(kubectl get pod task -o 'jsonpath={.metadata.uid}')")
    expect "user, capabilities, no new privileges, filter of system calls" "65532 0000000000000000 1 2" \
        "$(awk '/^(Uid|CapEff|NoNewPrivs|Seccomp):/ { print $2 }' <<<"$status" | paste -sd ' ')"
    awk '/^(VmRSS|RssAnon):/ { printf "%s %.1f MiB\n", $1, $2 / 1024 }' <<<"$status"
    expect "less than 8 MiB resident" yes "$(awk '/^VmRSS:/ { print ($2 < 8 * 1024 ? "yes" : $2 " KiB") }' <<<"$status")"

    kubectl delete pod/task --timeout 60s >/dev/null
    wait "$following" || true
    expect "a task from its first line to its last" '{"status":"ready" object metadata served object' \
        "$(grep -v ^wget: "$log" | paste -sd ' ')"
    rm "$log"
    kubectl delete pod/aws service/aws >/dev/null
}

# status_of PROGRAM POD: what the kernel says of the only process of that program in a pod.
status_of() {
    local process
    for process in /proc/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = "$1" ] && grep -q "$2" "$process/cgroup"; then cat "$process/status"; fi
    done
}

case $1 in
exit-code) exit_code ;;
dns) dns ;;
sidecar) sidecar "$2" ;;
*) echo "unknown check $1" >&2; exit 64 ;;
esac

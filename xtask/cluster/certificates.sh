#!/usr/bin/env bash
# certificates.sh: the cluster's authority, a certificate for each of its parts, and their kubeconfigs.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
mkdir -p "$BOX/pki"
cd "$BOX/pki"
export OPENSSL_CONF=/dev/null

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# certificate FILE COMMON-NAME [ORGANIZATION [NAMES]]
certificate() {
    local extensions=$'keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\n'
    [ -z "${4:-}" ] || extensions+="subjectAltName=$4"
    key "$1"
    openssl req -new -key "$1.key" -subj "${3:+/O=$3}/CN=$2" -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -set_serial "$((serial += 1))" -days 3650 -out "$1.crt" \
        -extfile <(echo "$extensions") 2>/dev/null
}
serial=1

# kubeconfig FILE CERTIFICATE
kubeconfig() {
    cat >"$1" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: kecs-test, cluster: {server: "$API", certificate-authority-data: "$(base64 -w0 ca.crt)"}}]
users: [{name: "$2", user: {client-certificate-data: "$(base64 -w0 "$2.crt")", client-key-data: "$(base64 -w0 "$2.key")"}}]
contexts: [{name: kecs-test, context: {cluster: kecs-test, user: "$2"}}]
current-context: kecs-test
YAML
}

key ca
openssl req -x509 -new -key ca.key -subj /CN=kecs-test -days 3650 -out ca.crt -config <(
    printf '[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,digitalSignature,cRLSign\n'
)
key service-accounts
openssl pkey -in service-accounts.key -pubout -out service-accounts.pub

service=kubernetes.default.svc
certificate apiserver kube-apiserver "" \
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:$service,DNS:$service.cluster.local,IP:127.0.0.1,IP:$NODE_IP,IP:$API_SERVICE_IP"
certificate apiserver-to-kubelet kube-apiserver-kubelet-client system:masters
certificate front-proxy front-proxy-client
certificate admin admin system:masters
certificate controller-manager system:kube-controller-manager
certificate scheduler system:kube-scheduler
certificate kubelet "system:node:$NODE" system:nodes "DNS:$NODE,IP:$NODE_IP"
certificate proxy system:kube-proxy
for part in controller-manager scheduler kubelet proxy; do kubeconfig "$BOX/pki/$part.kubeconfig" "$part"; done
kubeconfig "$BOX/kubeconfig" admin

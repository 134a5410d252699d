#!/usr/bin/env bash
# init.sh: the first process of a cluster's namespaces (net, mount, pid). Makes them a machine of its own and stays as their init:
# when it is killed, the kernel ends every process of the cluster, containers included, and takes mounts and network away.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# What runs here sees Debian's packages as if they were installed, and nothing can write there.
mount -t overlay overlay -o "ro,lowerdir=$KECS_CLUSTER_PACKAGES/usr:/usr" /usr
hash -r

# Wherever the parts of a cluster insist on a place, they get a private one. Clusters would remove each other's files otherwise.
resolv_conf=$(readlink -f /etc/resolv.conf)
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock
mkdir -p "$BOX"/var/{lib,log}
mount --bind "$BOX/var/lib" /var/lib
mount --bind "$BOX/var/log" /var/log
mount --bind "$BOX/volumes" /tmp/hostpath_pv # of the provisioner in kube-controller-manager

# Programs that run beside the node, such as tests, resolve names as pods do.
echo "nameserver $DNS_SERVICE_IP" >"$BOX/resolv.conf"
[ -e "$resolv_conf" ] || { mkdir -p "$(dirname "$resolv_conf")" && touch "$resolv_conf"; }
mount --bind "$BOX/resolv.conf" "$resolv_conf"

# A network from which no packet leaves: a cable with both ends in here (not every kernel has dummy devices).
ip link set lo up
ip link add eth0 type veth peer name eth0-end
ip link set eth0 up
ip link set eth0-end up
ip address add "$NODE_IP/24" dev eth0
ip route add "$SERVICES" dev eth0
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
# Answers of a pod to a pod of the same bridge must pass the rules of kube-proxy, too.
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; fi

touch "$BOX/ready"
exec tini -s -- sleep infinity

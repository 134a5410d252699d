#!/usr/bin/env bash
# packages.sh: unpacks what a cluster needs of Debian into $KECS_CLUSTER_PACKAGES, with the libraries that the machine lacks.
#
# Unpacked and not installed: nothing of the machine changes, no service starts, and deleting the folder undoes it. Inside a cluster its usr/
# is laid over /usr (init.sh), so that programs and libraries are found where they expect each other.
set -euo pipefail
: "${KECS_CLUSTER_PACKAGES:?}"

PACKAGES=(containerd runc containernetworking-plugins iptables iproute2 openssl tini busybox-static docker-registry)

mkdir -p "$(dirname "$KECS_CLUSTER_PACKAGES")"
new=$(mktemp -d "$KECS_CLUSTER_PACKAGES.XXXXXX")
chmod 755 "$new"
mkdir -p "$new/archives/partial"
trap 'rm -rf "$new"' EXIT

# Everything that an installation would fetch, and only that: apt knows what the machine has already.
download() {
    apt-get install --download-only --yes --quiet --no-install-recommends -o "Dir::Cache::archives=$new/archives" \
        -o Debug::NoLocking=true -o APT::Sandbox::User=root "${PACKAGES[@]}" >"$new/apt.log" 2>&1
}
if ! download; then
    # A fresh machine does not know its packages yet, or knows versions that are no more.
    apt-get update --quiet >"$new/apt.log" 2>&1 || { cat "$new/apt.log" >&2; exit 1; }
    download || { cat "$new/apt.log" >&2; exit 1; }
fi

mkdir -p "$new"/usr/{bin,sbin,lib}
for archive in "$new"/archives/*.deb; do
    [ -e "$archive" ] || continue # the machine has them all
    dpkg-deb --extract "$archive" "$new"
done
# On a machine of today /bin, /sbin and /lib are links into /usr.
for folder in bin sbin lib; do
    if [ -d "$new/$folder" ]; then
        cp -a "$new/$folder/." "$new/usr/$folder/"
        rm -r "${new:?}/$folder"
    fi
done
# What an installation would have made of Debian's alternatives. The tables are a namespace's own, so that mixing the two kinds is no danger.
if [ -e "$new/usr/sbin/xtables-nft-multi" ]; then
    for name in iptables ip6tables; do
        for part in "" -save -restore; do
            ln -sf xtables-nft-multi "$new/usr/sbin/$name$part"
        done
    done
fi
rm -rf "$new/archives" "$new/apt.log" "$new/usr/share/doc" "$new/usr/share/man"

for program in containerd ctr runc iptables ip openssl tini tini-static busybox docker-registry; do
    PATH=$new/usr/bin:$new/usr/sbin:$PATH command -v "$program" >/dev/null || { echo "Debian's packages brought no $program" >&2; exit 1; }
done
cp "$0" "$new/" # tells what is there
rm -rf "$KECS_CLUSTER_PACKAGES"
mv -T "$new" "$KECS_CLUSTER_PACKAGES"

#!/usr/bin/env bash
# images.sh: makes the images that every cluster has, from Debian's static programs, into $KECS_CLUSTER_IMAGES.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export PATH=$KECS_CLUSTER_PACKAGES/usr/bin:$KECS_CLUSTER_PACKAGES/usr/sbin:$PATH

new=$(mktemp -d "$KECS_CLUSTER_IMAGES.XXXXXX")
mkdir -p "$new"/{out,pause,busybox}
trap 'rm -rf "$new"' EXIT

# The process that holds a pod's namespaces: it reaps what others leave and ends on SIGTERM.
mkdir -p "$new/pause/bin"
cp "$(command -v tini-static)" "$new/pause/tini"
cp "$(command -v busybox)" "$new/pause/bin/sleep"
"$HERE/image.sh" "$new/out/pause.tar" "$new/pause" "$PAUSE_IMAGE" /tini -s -- /bin/sleep infinity

# A shell and the usual programs, by the names under which task definitions know it.
root=$new/busybox
mkdir -p "$root"/{bin,usr/bin,usr/local/bin,etc,root,var} "$root/tmp" "$root/var/www"
chmod 1777 "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
ln -s /bin/env "$root/usr/bin/env"
printf 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nwww-data:x:33:\nnobody:x:65534:\n' >"$root/etc/group"
"$HERE/image.sh" "$new/out/busybox.tar" "$root" docker.io/library/busybox:latest,docker.io/library/busybox:1,registry.test/busybox:1

# Stands in for LocalStack where no registry is: it tells its health as LocalStack does, and lists the buckets that there are, none.
# With STAND_IN_FAILS it ends at once.
cat >"$root/localstack" <<'SH'
#!/bin/sh
echo "LocalStack's stand-in, with SERVICES=$SERVICES"
[ -z "$STAND_IN_FAILS" ] || { echo "it was told to fail"; exit 3; }
services=""
for service in $(echo "$SERVICES" | tr , ' '); do services="$services${services:+, }\"$service\": \"available\""; done
mkdir -p /www/_localstack
echo "{\"services\": {$services}, \"edition\": \"community\", \"version\": \"4.14.0\"}" >/www/_localstack/health
echo '<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>' >/www/index.html
httpd -f -p 4566 -h /www &
trap 'kill $!; exit 0' TERM
echo "Ready."
wait
SH
chmod 755 "$root/localstack"
"$HERE/image.sh" "$new/out/localstack.tar" "$root" registry.test/localstack:4.14.0 /localstack
rm "$root/localstack"

cp "$HERE/images.sh" "$HERE/image.sh" "$new/out/" # tell what is there
rm -rf "$KECS_CLUSTER_IMAGES"
mv -T "$new/out" "$KECS_CLUSTER_IMAGES"

#!/usr/bin/env bash
# image.sh ARCHIVE FOLDER NAME[,NAME...] [ENTRYPOINT...]: makes an image archive of a folder, without a registry and without a builder.
# containerd imports it: `ctr --namespace k8s.io images import ARCHIVE`.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: image.sh ARCHIVE FOLDER NAME[,NAME...] [ENTRYPOINT...]" >&2; exit 64; }
archive=$1 folder=$2 names=$3
shift 3

# "a", "b": words as the elements of a JSON array. None of ours needs escaping.
elements() {
    local list=""
    for word in "$@"; do list+=${list:+, }\"$word\"; done
    echo "$list"
}
# The same content makes the same archive: whoever and whenever.
pack() {
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$@"
}

work=$(mktemp -d "$archive.XXXXXX")
trap 'rm -rf "$work"' EXIT
pack -cf "$work/layer.tar" -C "$folder" .
layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
if [ $# -gt 0 ]; then process="\"Entrypoint\": [$(elements "$@")]"; else process='"Cmd": ["sh"]'; fi
cat >"$work/config.json" <<JSON
{"architecture": "$(dpkg --print-architecture)", "os": "linux",
 "config": {$process, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "WorkingDir": "/"},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}}
JSON
IFS=, read -ra names <<<"$names"
cat >"$work/manifest.json" <<JSON
[{"Config": "config.json", "RepoTags": [$(elements "${names[@]}")], "Layers": ["layer.tar"]}]
JSON
pack -cf "$work/archive.tar" -C "$work" manifest.json config.json layer.tar
mv "$work/archive.tar" "$archive"

//! What was pulled.

/// The digest in a kubelet's `imageID`, which is `<repository>@<digest>`, or the digest alone.
pub(super) fn digest(image_id: &str) -> Option<String> {
    let digest = image_id.rsplit_once('@').map_or(image_id, |(_, digest)| digest);
    digest.starts_with("sha256:").then(|| digest.to_owned())
}

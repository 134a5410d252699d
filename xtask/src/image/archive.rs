//! The archive of an image: an OCI image layout (image-spec 1.1) in a tar, as containerd, podman, kind and k3s import it; with the file by which a Docker before 25
//! finds the same image in it.

use std::io::Write;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Image;

/// Who the program is in its container: nobody's number, by which an orchestrator sees that it is not root.
const USER: &str = "65532:65532";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The archive of an image with this program and nothing else. The same program makes the same archive.
pub(super) fn of_program(image: Image, program: &[u8]) -> Result<Vec<u8>> {
    let mut layer = Files::default();
    layer.add(image.name, 0o755, program)?;
    let layer = layer.finish()?;
    let config = Blob::json(CONFIG, &config(image, &digest(&layer))?);
    let layer = Blob { media_type: LAYER, content: compressed(&layer)? };
    let manifest = Blob::json(
        MANIFEST,
        &json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
            "annotations": annotations(image),
        }),
    );
    let mut named = manifest.descriptor();
    named["platform"] = json!({ "os": "linux", "architecture": architecture()? });
    // The name is the standard's for podman and others; and containerd's own, since there the standard's may be a tag alone.
    let reference = image.reference();
    named["annotations"] = json!({ "org.opencontainers.image.ref.name": reference, "io.containerd.image.name": reference });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [named] });
    // "Combined Image JSON + Filesystem Changeset Format" of Docker's image specification v1.2.
    let docker = json!([{ "Config": config.path(), "RepoTags": [reference], "Layers": [layer.path()] }]);

    let mut archive = Files::default();
    archive.add("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    archive.add("index.json", 0o644, index.to_string().as_bytes())?;
    archive.add("manifest.json", 0o644, docker.to_string().as_bytes())?;
    for blob in [manifest, config, layer] {
        archive.add(&blob.path(), 0o644, &blob.content)?;
    }
    archive.finish()
}

/// What is told of the image ("Pre-Defined Annotation Keys" of the specification).
pub(super) fn annotations(image: Image) -> Value {
    json!({
        "org.opencontainers.image.title": image.title,
        "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
        "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
    })
}

/// How a container of the image runs, if it is told nothing else.
pub(super) fn config(image: Image, layer: &str) -> Result<Value> {
    Ok(json!({
        "os": "linux",
        "architecture": architecture()?,
        "config": { "User": USER, "Entrypoint": [format!("/{}", image.name)], "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
        "history": [{ "created_by": "cargo xtask image" }],
    }))
}

/// This machine's, in the words of Go, which the specification uses.
fn architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("images are made for x86_64 and aarch64, and this is {other}"),
    }
}

/// A part of an image that others refer to by its digest.
struct Blob {
    media_type: &'static str,
    content: Vec<u8>,
}

impl Blob {
    fn json(media_type: &'static str, value: &Value) -> Self {
        Self { media_type, content: value.to_string().into_bytes() }
    }

    /// Where it is in the archive.
    fn path(&self) -> String {
        format!("blobs/sha256/{}", digest(&self.content))
    }

    fn descriptor(&self) -> Value {
        let digest = format!("sha256:{}", digest(&self.content));
        json!({ "mediaType": self.media_type, "digest": digest, "size": self.content.len() })
    }
}

/// A tar of files that belong to root and were always there.
struct Files(tar::Builder<Vec<u8>>);

impl Default for Files {
    fn default() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }
}

impl Files {
    fn add(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(u64::try_from(content.len()).context("a file is too large")?);
        self.0.append_data(&mut header, path, content).with_context(|| format!("cannot put {path} into an archive"))
    }

    fn finish(self) -> Result<Vec<u8>> {
        self.0.into_inner().context("cannot finish an archive")
    }
}

fn compressed(content: &[u8]) -> Result<Vec<u8>> {
    // Its header has neither a time nor a name.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(content).and_then(|()| gzip.finish()).context("cannot compress a layer")
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::image::SIDECAR;

    fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), content);
        }
        files
    }

    /// The blob that a descriptor names, checked as the specification has it: by size and digest.
    fn blob(files: &BTreeMap<String, Vec<u8>>, descriptor: &Value) -> Vec<u8> {
        let digest_of = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let content = &files[&format!("blobs/sha256/{digest_of}")];
        assert_eq!(descriptor["size"], content.len());
        assert_eq!(digest(content), digest_of);
        content.clone()
    }

    fn read(content: &[u8]) -> Value {
        serde_json::from_slice(content).unwrap()
    }

    // What must be where: "OCI Image Layout", "OCI Image Manifest" and "OCI Image Configuration" of image-spec 1.1.
    #[test]
    fn an_archive_leads_from_its_index_to_the_program() {
        let files = unpacked(&of_program(SIDECAR, b"program").unwrap());
        assert_eq!(read(&files["oci-layout"])["imageLayoutVersion"], "1.0.0");
        let index = read(&files["index.json"]);
        let named = &index["manifests"][0];
        let name = format!("kecs.io/kecs-sidecar:{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(named["annotations"]["org.opencontainers.image.ref.name"], *name);
        let manifest = read(&blob(&files, named));
        let config = read(&blob(&files, &manifest["config"]));
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Entrypoint"], json!(["/kecs-sidecar"]));
        let mut layer = Vec::new();
        GzDecoder::new(&*blob(&files, &manifest["layers"][0])).read_to_end(&mut layer).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], json!([format!("sha256:{}", digest(&layer))]));
        assert_eq!(unpacked(&layer), BTreeMap::from([("kecs-sidecar".to_owned(), b"program".to_vec())]));
    }

    // The same specification's example of `manifest.json`.
    #[test]
    fn an_older_docker_finds_the_same_image() {
        let files = unpacked(&of_program(SIDECAR, b"program").unwrap());
        let named = &read(&files["index.json"])["manifests"][0];
        let manifest = read(&blob(&files, named));
        let path = |descriptor: &Value| descriptor["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/");
        let expected = json!([{
            "Config": path(&manifest["config"]),
            "RepoTags": [named["annotations"]["org.opencontainers.image.ref.name"]],
            "Layers": [path(&manifest["layers"][0])],
        }]);
        assert_eq!(read(&files["manifest.json"]), expected);
    }

    #[test]
    fn the_same_program_makes_the_same_archive() {
        assert_eq!(of_program(SIDECAR, b"program").unwrap(), of_program(SIDECAR, b"program").unwrap());
    }
}

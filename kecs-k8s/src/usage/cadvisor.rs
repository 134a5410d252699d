//! What of the kubelet's cAdvisor metrics (`/metrics/cadvisor`) the Summary API lacks: disks and processes of containers.
//!
//! It is Prometheus' text format, and long: some hundred lines for each container of a node. So it is read line by line as it comes, and two metrics of it are
//! kept ("Prometheus container metrics" of cAdvisor lists them).

use std::collections::{BTreeMap, HashMap};
use std::io;

use futures::{AsyncBufRead, AsyncBufReadExt};
use kecs_core::DiskStats;

/// Bytes that went to and from a device.
const DISKS: &str = "container_blkio_device_usage_total";
/// How many processes there are.
const PROCESSES: &str = "container_processes";
/// The longest line that is taken: names and labels are a few hundred bytes.
const LONGEST_LINE: u64 = 16 * 1024;

/// What a kubelet says of the containers of its node, by namespace, pod and container.
#[derive(Debug, Default)]
pub(super) struct Cadvisor(HashMap<[String; 3], Figures>);

/// What is said of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) processes: Option<u32>,
    /// By the numbers of the device.
    disks: BTreeMap<(u32, u32), DiskStats>,
}

impl Figures {
    pub(super) fn disks(&self) -> Vec<DiskStats> {
        self.disks.values().cloned().collect()
    }
}

impl Cadvisor {
    /// Reads the text to its end.
    pub(super) async fn read(mut text: impl AsyncBufRead + Unpin) -> io::Result<Self> {
        let (mut read, mut line) = (Self::default(), Vec::new());
        loop {
            line.clear();
            futures::AsyncReadExt::take(&mut text, LONGEST_LINE).read_until(b'\n', &mut line).await?;
            if line.is_empty() {
                return Ok(read);
            }
            if let Some(sample) = std::str::from_utf8(&line).ok().and_then(Sample::parse) {
                read.take(&sample);
            }
        }
    }

    pub(super) fn of(&self, namespace: &str, pod: &str, container: &str) -> Figures {
        self.0.get(&[namespace, pod, container].map(str::to_owned)).cloned().unwrap_or_default()
    }

    fn take(&mut self, sample: &Sample<'_>) {
        let [Some(namespace), Some(pod), Some(container)] = ["namespace", "pod", "container"].map(|name| sample.label(name)) else {
            return;
        };
        // A whole pod, or what is no pod, such as a service of the node.
        if container.is_empty() {
            return;
        }
        let figures = self.0.entry([namespace, pod, container].map(str::to_owned)).or_default();
        if sample.metric == PROCESSES {
            figures.processes = u32::try_from(sample.value).ok();
            return;
        }
        let [Some(Ok(major)), Some(Ok(minor))] = ["major", "minor"].map(|name| sample.label(name).map(str::parse)) else { return };
        let disk = figures.disks.entry((major, minor)).or_insert_with(|| DiskStats {
            device: Some((major, minor)),
            read_bytes: 0,
            written_bytes: 0,
        });
        // Others, such as "Sync" and "Total", have the same bytes again.
        match sample.label("operation") {
            Some("Read") => disk.read_bytes = sample.value,
            Some("Write") => disk.written_bytes = sample.value,
            _ => {}
        }
    }
}

/// One line of the two metrics.
#[derive(Debug, PartialEq, Eq)]
struct Sample<'a> {
    metric: &'static str,
    /// Names and values, as they are written.
    labels: Vec<(&'a str, &'a str)>,
    value: u64,
}

impl<'a> Sample<'a> {
    /// `name{label="value",…} number time`; `None` of everything else.
    fn parse(line: &'a str) -> Option<Self> {
        let (name, mut rest) = line.split_once('{')?;
        let metric = [DISKS, PROCESSES].into_iter().find(|metric| *metric == name)?;
        let mut labels = Vec::new();
        while let Some((label, value)) = rest.split_once("=\"") {
            let end = end_of_value(value)?;
            labels.push((label, &value[..end]));
            rest = &value[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        let number: f64 = rest.strip_prefix('}')?.split_ascii_whitespace().next()?.parse().ok()?;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts, which fit; what does not is the nearest"
        )]
        Some(Self { metric, labels, value: number as u64 })
    }

    fn label(&self, name: &str) -> Option<&'a str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| *value)
    }
}

/// Where the first quotation mark is that no backslash escapes.
fn end_of_value(value: &str) -> Option<usize> {
    let mut escaped = false;
    value.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // As kubelets write them (`Blkio Device bytes usage` and `Number of processes running inside the container` of cAdvisor's metrics), with shorter ids.
    const METRICS: &str = r#"# HELP container_blkio_device_usage_total Blkio Device bytes usage
# TYPE container_blkio_device_usage_total counter
container_blkio_device_usage_total{container="",device="/dev/vda",id="/",image="",major="254",minor="0",name="",namespace="",operation="Read",pod=""} 8.9e+07 1793491210000
container_blkio_device_usage_total{container="web",device="/dev/vda",id="/a",image="x",major="254",minor="0",name="n",namespace="b",operation="Read",pod="task"} 4096 1793491210000
container_blkio_device_usage_total{container="web",device="/dev/vda",id="/a",image="x",major="254",minor="0",name="n",namespace="b",operation="Total",pod="task"} 1.6781312e+07 1793491210000
container_blkio_device_usage_total{container="web",device="/dev/vda",id="/a",image="x",major="254",minor="0",name="n",namespace="b",operation="Write",pod="task"} 1.6777216e+07 1793491210000
container_cpu_usage_seconds_total{container="web",cpu="total",id="/a",image="x",name="n",namespace="b",pod="task"} 1.5 1793491210000
container_processes{container="web",id="/a",image="say \"x\", {y}",name="n",namespace="b",pod="task"} 2 1793491210000
"#;

    #[tokio::test]
    async fn disks_and_processes_are_read_by_container() {
        let read = Cadvisor::read(METRICS.as_bytes()).await.expect("it is in memory");
        let web = read.of("b", "task", "web");
        assert_eq!(web.processes, Some(2));
        assert_eq!(web.disks(), [DiskStats { device: Some((254, 0)), read_bytes: 4096, written_bytes: 16 << 20 }]);
        assert_eq!(read.of("b", "task", "other"), Figures::default());
        assert_eq!(read.0.len(), 1, "the node is no container");
    }

    #[tokio::test]
    async fn what_is_no_such_line_is_passed_over() {
        for text in [
            "",
            "\n\n",
            "container_processes",
            "container_processes{",
            "container_processes{a=\"",
            "container_processes{a=\"b\"} x",
        ] {
            assert!(Cadvisor::read(text.as_bytes()).await.expect("it is in memory").0.is_empty(), "{text}");
        }
        let long = format!("container_processes{{container=\"{}\n{METRICS}", "x".repeat(100_000));
        let read = Cadvisor::read(long.as_bytes()).await.expect("it is in memory");
        assert_eq!(read.of("b", "task", "web").processes, Some(2));
    }
}

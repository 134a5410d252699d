//! The elastic network interface of a task in network mode `awsvpc`, as DescribeTasks shows one.
//!
//! There is no VPC here: a backend reports an address, and the rest is made up from the attachment's id in the form that AWS has, always
//! the same for the same task. "Valid values are `PRECREATED`, `CREATED`, `ATTACHING`, `ATTACHED`, `DETACHING`, `DETACHED`, `DELETED`, and
//! `FAILED`" (Attachment, status); a task is seen with `PRECREATED`, then `ATTACHED`, and at its end `DELETED`.

use std::net::IpAddr;

use kecs_model::ecs::{Attachment, KeyValuePair, NetworkConfiguration, NetworkInterface};
use uuid::Uuid;

use crate::engine::TaskRecord;

const TYPE: &str = "ElasticNetworkInterface";

/// The interface of a task that is yet to start, in the first of its subnets.
pub(super) fn created(network: Option<&NetworkConfiguration>) -> Attachment {
    let subnet = network
        .and_then(|network| network.awsvpc_configuration.as_ref())
        .and_then(|awsvpc| awsvpc.subnets.as_ref()?.first().cloned());
    Attachment {
        id: Some(Uuid::new_v4().to_string()),
        r#type: Some(TYPE.to_owned()),
        status: Some("PRECREATED".to_owned()),
        details: Some(subnet.map(|subnet| detail("subnetId", subnet)).into_iter().collect()),
    }
}

/// Shows the addresses that the backend gave the task. Those that were shown first stay.
pub(super) fn attach(record: &mut TaskRecord, addresses: &[IpAddr]) {
    let v4 = addresses.iter().find(|address| address.is_ipv4());
    let v6 = addresses.iter().find(|address| address.is_ipv6());
    let region = &record.cluster.scope.region;
    let Some(attachment) = record.task.attachments.iter_mut().flatten().find(|attachment| is_interface(attachment)) else { return };
    if addresses.is_empty() || attachment.status.as_deref() != Some("PRECREATED") {
        return;
    }
    attachment.status = Some("ATTACHED".to_owned());
    let id: Uuid = attachment.id.as_deref().and_then(|id| id.parse().ok()).unwrap_or_default();
    let digits = id.simple().to_string();
    let details = attachment.details.get_or_insert_default();
    details.push(detail("networkInterfaceId", format!("eni-{}", &digits[..17])));
    details.push(detail("macAddress", mac_address(id)));
    if let Some(address) = v4 {
        details.push(detail("privateDnsName", private_dns_name(*address, region)));
        details.push(detail("privateIPv4Address", address.to_string()));
    }
    details.extend(v6.map(|address| detail("ipv6Address", address.to_string())));
    let interface = NetworkInterface {
        attachment_id: attachment.id.clone(),
        private_ipv4_address: v4.map(IpAddr::to_string),
        ipv6_address: v6.map(IpAddr::to_string),
    };
    for container in record.task.containers.iter_mut().flatten() {
        container.network_interfaces = Some(vec![interface.clone()]);
    }
}

/// The task's life is over, and with it the interface's.
pub(super) fn delete(record: &mut TaskRecord) {
    for attachment in record.task.attachments.iter_mut().flatten().filter(|attachment| is_interface(attachment)) {
        attachment.status = Some("DELETED".to_owned());
    }
}

fn is_interface(attachment: &Attachment) -> bool {
    attachment.r#type.as_deref() == Some(TYPE)
}

fn detail(name: &str, value: String) -> KeyValuePair {
    KeyValuePair { name: Some(name.to_owned()), value: Some(value) }
}

/// A locally administered address, as those of AWS's interfaces are.
fn mac_address(id: Uuid) -> String {
    id.as_bytes()[..5].iter().fold("0a".to_owned(), |address, byte| format!("{address}:{byte:02x}"))
}

/// "ip-private-ipv4-address.ec2.internal for the us-east-1 Region, and ip-private-ipv4-address.region.compute.internal for other Regions"
/// (Amazon VPC user guide, "DNS attributes for your VPC").
fn private_dns_name(address: IpAddr, region: &str) -> String {
    let address = address.to_string().replace('.', "-");
    match region {
        "us-east-1" => format!("ip-{address}.ec2.internal"),
        region => format!("ip-{address}.{region}.compute.internal"),
    }
}

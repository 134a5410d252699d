//! The Amazon EBS volume of a task, as DescribeTasks shows one.
//!
//! There is no EBS here: the id is made up in the form that AWS has, and what is behind it is the backend's. "For Elastic Block Storage, this
//! includes roleArn, deleteOnTermination, volumeName, volumeId" (Attachment, details). RunTask answers with `CREATED`, as the worked example of
//! the AWS CLI does; the id is known once the volume is `ATTACHED`; at the task's end it is `DELETED`, or `DETACHED` where it is kept.

use kecs_model::ecs::{Attachment, KeyValuePair, TaskVolumeConfiguration};
use uuid::Uuid;

use crate::engine::{ManagedVolume, TaskRecord};

const TYPE: &str = "AmazonElasticBlockStorage";

/// A new volume of this configuration.
pub(super) fn new(configuration: &TaskVolumeConfiguration) -> ManagedVolume {
    let digits = Uuid::new_v4().simple().to_string();
    ManagedVolume { id: format!("vol-{}", &digits[..17]), configuration: configuration.clone() }
}

/// How the task shows it at first.
pub(super) fn created(volume: &ManagedVolume) -> Attachment {
    let ManagedVolume { id: _, configuration } = volume;
    let role = configuration.managed_ebs_volume.as_ref().and_then(|managed| managed.role_arn.clone());
    Attachment {
        id: Some(Uuid::new_v4().to_string()),
        r#type: Some(TYPE.to_owned()),
        status: Some("CREATED".to_owned()),
        details: Some(vec![
            detail("roleArn", role.unwrap_or_default()),
            detail("volumeName", configuration.name.clone().unwrap_or_default()),
            detail("deleteOnTermination", (!volume.kept()).to_string()),
        ]),
    }
}

/// The backend has the volume.
pub(super) fn attach(record: &mut TaskRecord) {
    let Some(volume) = &record.volume else { return };
    let id = detail("volumeId", volume.id.clone());
    if let Some(attachment) = record.task.attachments.iter_mut().flatten().find(|attachment| is_volume(attachment)) {
        attachment.status = Some("ATTACHED".to_owned());
        attachment.details.get_or_insert_default().push(id);
    }
}

/// The task's life is over, and with it the volume's, unless it was to be kept and ever was there.
pub(super) fn release(record: &mut TaskRecord) {
    let kept = record.volume.as_ref().is_some_and(ManagedVolume::kept);
    for attachment in record.task.attachments.iter_mut().flatten().filter(|attachment| is_volume(attachment)) {
        let detached = kept && attachment.status.as_deref() == Some("ATTACHED");
        attachment.status = Some(if detached { "DETACHED" } else { "DELETED" }.to_owned());
    }
}

fn is_volume(attachment: &Attachment) -> bool {
    attachment.r#type.as_deref() == Some(TYPE)
}

fn detail(name: &str, value: String) -> KeyValuePair {
    KeyValuePair { name: Some(name.to_owned()), value: Some(value) }
}

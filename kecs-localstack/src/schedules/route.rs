//! What a request to EventBridge Scheduler is about.

use http::{Method, Request};

/// The calls that are of interest; the others pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// CreateSchedule and UpdateSchedule of a schedule; its group is in the body.
    Put(String),
    /// DeleteSchedule.
    Delete {
        /// Of the schedule.
        name: String,
        /// Of its group.
        group: String,
    },
    /// DeleteScheduleGroup, which takes the group's schedules with it.
    DeleteGroup(String),
    /// Anything else.
    Other,
}

/// The group of schedules that name none.
pub(super) const DEFAULT_GROUP: &str = "default";

impl Route {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        // No character that a name may have is encoded in a path or a query.
        let mut path = request.uri().path().trim_matches('/').split('/');
        match (request.method(), path.next(), path.next(), path.next()) {
            (&Method::POST | &Method::PUT, Some("schedules"), Some(name), None) => Self::Put(name.to_owned()),
            (&Method::DELETE, Some("schedules"), Some(name), None) => {
                let query = request.uri().query().unwrap_or_default();
                let group = query.split('&').find_map(|pair| pair.strip_prefix("groupName=")).filter(|group| !group.is_empty());
                Self::Delete { name: name.to_owned(), group: group.unwrap_or(DEFAULT_GROUP).to_owned() }
            }
            (&Method::DELETE, Some("schedule-groups"), Some(name), None) => Self::DeleteGroup(name.to_owned()),
            _ => Self::Other,
        }
    }
}

//! The family, the containers' names and images, and that one of them is essential.

use std::collections::HashSet;

use kecs_model::ApiError;

use super::{Subject, is_essential, is_name, name, refuse, text};

/// "Maximum number of containers per task definition: 10" (Amazon ECS service quotas).
const MOST_CONTAINERS: usize = 10;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let family = text(subject.input.family.as_ref());
    if family.is_empty() {
        // Our wording, after "Container.name should not be null or empty."
        return refuse("Family should not be null or empty.");
    }
    if !is_name(family) {
        return refuse("Family contains invalid characters.");
    }
    if subject.containers.is_empty() {
        return refuse("Container list cannot be empty.");
    }
    if subject.containers.len() > MOST_CONTAINERS {
        return refuse("Too many containers.");
    }
    let mut names = HashSet::new();
    for container in subject.containers {
        if name(container).is_empty() {
            return refuse("Container.name should not be null or empty.");
        }
        if !is_name(name(container)) {
            return refuse("Container.name contains invalid characters.");
        }
        if !names.insert(name(container)) {
            return refuse("Container names must be unique within a task definition.");
        }
        check_image(text(container.image.as_ref()))?;
    }
    if !subject.containers.iter().any(is_essential) {
        return refuse("Task definition doesn't have any essential container");
    }
    Ok(())
}

/// "Up to 255 letters (uppercase and lowercase), numbers, hyphens, underscores, colons, periods, forward slashes, and number signs are allowed";
/// the `@` of a digest is allowed too ("repository-url/image@digest").
fn check_image(image: &str) -> Result<(), ApiError> {
    if image.is_empty() {
        return refuse("Container.image should not be null or empty.");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:./#@".contains(&byte);
    if image.len() > 255 || !image.bytes().all(allowed) {
        // Our wording, after that of the name.
        return refuse("Container.image contains invalid characters.");
    }
    Ok(())
}

//! From the model's names to Rust's.

/// Splits a name of any case into lower-case words: `enableECSManagedTags` is enable, ecs, managed, tags.
fn words(name: &str) -> Vec<String> {
    // Units are one word each, or `memoryGiBPerVCpu` would become `gi_b`.
    let name = name.replace("GiB", "Gib").replace("MiB", "Mib");
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1);
        let starts_word = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit() && after.is_some_and(char::is_ascii_lowercase)
                    || before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase)
            });
        if starts_word {
            words.push(std::mem::take(&mut word));
        }
        word.push(c.to_ascii_lowercase());
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// `snake_case`, for members, methods and modules.
pub(crate) fn snake(name: &str) -> String {
    words(name).join("_")
}

/// The Rust name of a member, escaped where it is a keyword.
pub(crate) fn field(name: &str) -> String {
    match snake(name).as_str() {
        keyword @ ("type" | "match" | "ref" | "use" | "move" | "loop" | "where" | "as" | "in" | "final" | "virtual") => {
            format!("r#{keyword}")
        }
        name => name.to_owned(),
    }
}

/// `UpperCamelCase`, for enum variants and trait names: `FARGATE_SPOT` is `FargateSpot`.
pub(crate) fn upper_camel(name: &str) -> String {
    words(name).iter().map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acronyms_and_units_are_one_word_each() {
        assert_eq!(snake("enableECSManagedTags"), "enable_ecs_managed_tags");
        assert_eq!(snake("bindIP"), "bind_ip");
        assert_eq!(snake("webACLArn"), "web_acl_arn");
        assert_eq!(snake("memoryGiBPerVCpu"), "memory_gib_per_v_cpu");
        assert_eq!(snake("totalLocalStorageGB"), "total_local_storage_gb");
    }

    #[test]
    fn enum_values_of_every_style_become_upper_camel_case() {
        assert_eq!(upper_camel("FARGATE_SPOT"), "FargateSpot");
        assert_eq!(upper_camel("json-file"), "JsonFile");
        assert_eq!(upper_camel("TaskFailedToStart"), "TaskFailedToStart");
        assert_eq!(upper_camel("fargateFIPSMode"), "FargateFipsMode");
        assert_eq!(upper_camel("X86_64"), "X8664");
        assert_eq!(upper_camel("EC2"), "Ec2");
    }

    #[test]
    fn keywords_are_escaped() {
        assert_eq!(field("type"), "r#type");
        assert_eq!(field("status"), "status");
    }
}

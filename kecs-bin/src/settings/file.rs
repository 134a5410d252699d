//! The configuration file: YAML, one key for each setting.

use std::fmt;
use std::path::Path;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::clusters::{ClusterSettings, contradiction};
use super::layer::{Layer, Origin, Raw, split_list};
use super::table::{Kind, SETTINGS, Setting};
use crate::failure::{Exit, Failure};

/// The file that is read, when it is there and no other is named.
pub(crate) const FILE_NAME: &str = "kecs-config.yaml";

/// The key that is no setting: it has a structure of its own, and only the file can say it.
const CLUSTERS: &str = "clusters";

impl Layer {
    /// What the file at `path` says.
    ///
    /// # Errors
    /// When it cannot be read, is not YAML, or has a key that is not a setting; with line and column.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(Exit::Config, format_args!("cannot read the configuration file {}", path.display()), error)
        })?;
        Self::of_yaml(&text, path)
    }

    /// What a file with this text says; `path` is for the errors, and for what is relative to it.
    ///
    /// # Errors
    /// As [`of_file`](Self::of_file).
    pub(crate) fn of_yaml(text: &str, path: &Path) -> Result<Self, Failure> {
        let place = |location: Location| format!("{}:{}:{}", path.display(), location.line(), location.column());
        let entries = read(text).map_err(|error| {
            let place = error.location().map_or_else(|| path.display().to_string(), place);
            // Without the snippet: the lines around an error may hold a secret.
            Failure::new(Exit::Config, place, first_line(&error))
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut layer = Self::default();
        for Entry { key, location, value } in entries {
            let place = place(location);
            let value = match value {
                Found::Clusters(mut clusters) => {
                    if let Some(contradiction) = contradiction(&clusters) {
                        return Err(Failure::new(Exit::Config, place, contradiction));
                    }
                    for cluster in &mut clusters {
                        cluster.relative_to(&folder).map_err(|bad| Failure::new(Exit::Config, &place, bad.0))?;
                    }
                    layer.clusters = clusters;
                    continue;
                }
                Found::Values(value) => value,
            };
            let Some(setting) = Setting::named(&key) else {
                return Err(Failure::new(Exit::Config, place, unknown_key(&key)));
            };
            let Some(found) = value else {
                let what = if setting.kind == Kind::Many { "a list" } else { "one value" };
                let to_do = format!("{key} takes {what}: {}", setting.value);
                return Err(Failure::new(Exit::Config, place, to_do));
            };
            let origin = Origin::File { place, key: setting.name, folder: folder.clone() };
            layer.values.insert(setting.name, Raw { values: found, origin });
        }
        Ok(layer)
    }
}

/// What is said about a key that is not a setting.
fn unknown_key(key: &str) -> String {
    let names = || SETTINGS.iter().map(|setting| setting.name).chain([CLUSTERS]);
    nearest(key, names()).map_or_else(
        || format!("unknown key '{key}', the keys are {}", names().collect::<Vec<_>>().join(", ")),
        |name| format!("unknown key '{key}', did you mean '{name}'?"),
    )
}

/// The name that was probably meant.
fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = word.to_ascii_lowercase().replace('_', "-");
    names
        .map(|name| (strsim::jaro_winkler(&plain, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The parser's message without its location, which the caller gives in its own form.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let message = line.strip_prefix("error: ").unwrap_or(line);
    let message = match message.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((_, message)) => message,
        None => message.split(" at line ").next().unwrap_or(message),
    };
    if let Some(key) = message.strip_prefix("duplicate mapping key: ") {
        return format!("key {} is there twice", key.split(',').next().unwrap_or_default());
    }
    // What the parser's programmers know, and who writes the file need not.
    let plain = match message {
        "expected sequence start" => "a list is expected here",
        "expected mapping start" => "`key: value` is expected here",
        "invalid u16" => "a whole number from 0 to 65535 is expected here",
        "invalid boolean (strict mode expects true/false)" => "true or false is expected here",
        _ => "",
    };
    if !plain.is_empty() {
        return plain.to_owned();
    }
    // It is YAML, but says what nobody asked for.
    let is_yaml = ["unknown field", "missing field", "invalid type", "invalid value", "unknown variant"]
        .iter()
        .any(|start| message.starts_with(start));
    if is_yaml { message.to_owned() } else { format!("not valid YAML, {message}") }
}

/// One key of the file.
struct Entry {
    key: String,
    location: Location,
    value: Found,
}

/// What stands behind a key.
enum Found {
    /// The value of a setting as texts; `None` when it has the wrong form, or the key is none.
    Values(Option<Vec<String>>),
    /// `clusters:`
    Clusters(Vec<ClusterSettings>),
}

/// The file's keys in order. Nothing but comments is an empty file.
fn read(text: &str) -> Result<Vec<Entry>, serde_saphyr::Error> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| deserializer.deserialize_any(Entries))
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings, one `key: value` a line")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Vec<Entry>, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Entry>, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = match Setting::named(&key.value) {
                Some(setting) => Found::Values(map.next_value_seed(Values(setting.kind))?),
                None if key.value == CLUSTERS => Found::Clusters(map.next_value()?),
                None => Found::Values(map.next_value::<IgnoredAny>().map(|_| None)?),
            };
            entries.push(Entry { key: key.value, location: key.referenced, value });
        }
        Ok(entries)
    }
}

/// Reads the value of a setting as texts; `None` when it has the wrong form.
struct Values(Kind);

impl<'de> DeserializeSeed<'de> for Values {
    type Value = Option<Vec<String>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values {
    type Value = Option<Vec<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(if self.0 == Kind::Many { split_list(text) } else { vec![text.to_owned()] }))
    }

    fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Self::Value, E> {
        Ok((self.0 == Kind::Switch).then(|| vec![yes.to_string()]))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok((self.0 == Kind::One).then(|| vec![number.to_string()]))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok((self.0 == Kind::One).then(|| vec![number.to_string()]))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        let mut right = self.0 == Kind::Many;
        while let Some(value) = list.next_element_seed(Values(Kind::One))? {
            right &= value.is_some();
            values.extend(value.into_iter().flatten());
        }
        Ok(right.then_some(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests;

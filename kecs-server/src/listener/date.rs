//! The `Date` of answers that have none of their own.

use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;
use kecs_core::{Clock, SystemClock};

/// Tells the date, and writes it anew once a second at most.
#[derive(Debug, Default)]
pub(super) struct Date {
    second: u64,
    text: String,
}

impl Date {
    pub(super) fn now(&mut self) -> &[u8] {
        let millis = u64::try_from(SystemClock.now().as_millis()).unwrap_or_default();
        let second = millis / 1000;
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = HttpDate::from(UNIX_EPOCH + Duration::from_secs(second)).to_string();
        }
        self.text.as_bytes()
    }
}

//! The four date formats of `registeredAt`.

/// Milliseconds since 1970 of `2018-06-18T22:28:28+00:00`, `2018-06-18T22:28:28Z`, `2018-06-18T22:28:28` or `2018-06-18`; without an
/// offset it is UTC.
pub(super) fn millis(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let [year, month, day] = numbers(date, '-')?;
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let seconds = time.map_or(Some(0), seconds)?;
    Some((days_since_1970(year, month, day) * 86_400 + seconds) * 1000)
}

fn seconds(time: &str) -> Option<i64> {
    let (time, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], offset(&time[at..])?),
        None => (time, 0),
    };
    let [hour, minute, second] = numbers(time, ':')?;
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second - offset)
}

fn offset(text: &str) -> Option<i64> {
    let (sign, text) = match text.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", text) => (1, text),
        ("-", text) => (-1, text),
        _ => return None,
    };
    let [hours, minutes] = numbers(text, ':')?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Numbers of two digits, except a year of four.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (index, number) in numbers.iter_mut().enumerate() {
        let part = parts.next()?;
        let digits = if index == 0 && separator == '-' { 4 } else { 2 };
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Leap days before the year, counted since year 1; 477 of them lie before 1970.
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn the_four_formats_of_the_guide_are_understood() {
        // `date -u -d 2018-06-18T22:28:28Z +%s` and `date -u -d 2018-06-18 +%s`.
        for text in ["2018-06-18T22:28:28+00:00", "2018-06-18T22:28:28Z", "2018-06-18T22:28:28", "2018-06-19T00:28:28+02:00"] {
            assert_eq!(millis(text), Some(1_529_360_908_000), "{text}");
        }
        assert_eq!(millis("2018-06-18"), Some(1_529_280_000_000));
        assert_eq!(millis("2000-03-01"), Some(951_868_800_000));
        assert_eq!(millis("1970-01-01"), Some(0));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in
            ["", "2018", "2018-6-18", "2018-13-01", "2018-02-29", "2018-06-18T", "2018-06-18T25:00:00", "2018-06-18X", "yesterday"]
        {
            assert_eq!(millis(text), None, "{text}");
        }
    }
}

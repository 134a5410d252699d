//! `awslogs-datetime-format`: strftime's conversions as a pattern.

/// The pattern of a format. What is no conversion is part of a regular expression already, as in the manual's own example
/// `\[%b %d, %Y %H:%M:%S\]`; a conversion that Docker's driver does not know matches nothing, as there.
pub(super) fn pattern(format: &str) -> String {
    let mut pattern = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => pattern.push_str(characters.next().map_or("%", conversion)),
            other => pattern.push(other),
        }
    }
    pattern
}

/// The table of "awslogs-datetime-format" in Docker's manual.
fn conversion(letter: char) -> &'static str {
    match letter {
        'a' => "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
        'A' => "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
        'w' => "[0-6]",
        'd' => "(?:0[1-9]|[12][0-9]|3[01])",
        'b' => "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
        'B' => "(?:January|February|March|April|May|June|July|August|September|October|November|December)",
        'm' | 'I' => "(?:0[1-9]|1[0-2])",
        'Y' => "[0-9]{4}",
        'y' => "[0-9]{2}",
        'H' => "(?:[01][0-9]|2[0-3])",
        'p' => "(?:AM|PM)",
        'M' => "[0-5][0-9]",
        // 60 is a leap second.
        'S' => "(?:[0-5][0-9]|60)",
        'L' => r"\.[0-9]{3}",
        'f' => "[0-9]{6}",
        'z' => "[+-][0-9]{4}",
        'Z' => "[A-Z]{2,5}",
        'j' => "(?:[0-2][0-9]{2}|3[0-5][0-9]|36[0-6])",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::*;

    fn matches(format: &str, line: &str) -> bool {
        Regex::new(&format!("(?-u){}", pattern(format))).unwrap().is_match(line.as_bytes())
    }

    #[test]
    fn the_formats_of_the_manual_match_their_dates() {
        // "awslogs-datetime-format" and its table, docs.docker.com/engine/logging/drivers/awslogs.
        assert!(matches(r"\[%b %d, %Y %H:%M:%S\]", "[May 01, 2017 19:00:01] A message was logged"));
        for (format, example) in [
            ("%a", "Mon"),
            ("%A", "Monday"),
            ("%w", "0"),
            ("%d", "08"),
            ("%b", "Feb"),
            ("%B", "February"),
            ("%m", "02"),
            ("%Y", "2008"),
            ("%y", "08"),
            ("%H", "09"),
            ("%I", "09"),
            ("%p", "AM"),
            ("%M", "09"),
            ("%S", "09"),
            ("%L", ".123"),
            ("%f", "000345"),
            ("%z", "+1300"),
            ("%Z", "PST"),
            ("%j", "363"),
        ] {
            assert!(matches(&format!("^{format}$"), example), "{format} {example}");
            assert!(!matches(&format!("^{format}$"), "a message"), "{format}");
        }
        assert!(matches("%Y-%m-%dT%H:%M:%S,%f", "2017-06-29T12:00:59,000345 INFO"));
        assert!(!matches("%Y-%m-%d", "    at com.example.App.main(App.java:13)"));
    }
}

//! Times as AWS's documentation gives them for its examples: "Schedule types in EventBridge Scheduler" and "Setting a schedule pattern for scheduled
//! rules", whose table has the same dialect. The days are those of the calendar.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::Cron;

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

/// The first times after one, on the clocks of a zone, in UTC.
fn times(fields: &str, zone: &TimeZone, after: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(fields).unwrap_or_else(|| panic!("{fields} is valid"));
    let after: Timestamp = after.parse().unwrap();
    let next = |after: &Timestamp| cron.next(*after, zone);
    std::iter::successors(next(&after), next).take(count).map(|time| time.to_string()).collect()
}

/// The first times in 2026, in UTC.
fn in_2026(fields: &str, count: usize) -> Vec<String> {
    times(fields, &TimeZone::UTC, "2025-12-31T23:59:59Z", count)
}

/// "Run at 10:00 AM (UTC) every day", "at 12:15 PM (UTC) every day".
#[test]
fn a_time_of_the_day_is_of_every_day() {
    assert_eq!(in_2026("0 10 * * ? *", 2), ["2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z"]);
    assert_eq!(in_2026("15 12 * * ? *", 1), ["2026-01-01T12:15:00Z"]);
}

/// "Run at 6:00 PM (UTC) every Monday through Friday"; 2 January 2026 is a Friday.
#[test]
fn days_of_the_week_have_names_and_ranges() {
    let expected = ["2026-01-01T18:00:00Z", "2026-01-02T18:00:00Z", "2026-01-05T18:00:00Z"];
    assert_eq!(in_2026("0 18 ? * MON-FRI *", 3), expected);
    assert_eq!(in_2026("0 18 ? * 2-6 *", 3), expected);
    assert_eq!(in_2026("0 18 ? * mon,Tue,WED,THU,FRI *", 3), expected);
}

/// "Run at 8:00 AM (UTC) every first day of the month".
#[test]
fn a_day_of_the_month_is_of_every_month() {
    assert_eq!(in_2026("0 8 1 * ? *", 2), ["2026-01-01T08:00:00Z", "2026-02-01T08:00:00Z"]);
    assert_eq!(in_2026("0 8 1 JUN,12 ? *", 2), ["2026-06-01T08:00:00Z", "2026-12-01T08:00:00Z"]);
}

/// "Run every 5 minutes Monday through Friday between 8:00 AM and 5:55 PM (UTC)".
#[test]
fn steps_are_within_their_hours() {
    let all = in_2026("0/5 8-17 ? * MON-FRI *", 121);
    assert_eq!((&*all[0], &*all[1]), ("2026-01-01T08:00:00Z", "2026-01-01T08:05:00Z"));
    assert_eq!((&*all[119], &*all[120]), ("2026-01-01T17:55:00Z", "2026-01-02T08:00:00Z"));
}

/// "1/10 to specify every tenth minute, starting from the first minute of the hour (the 11th, 21st, and 31st minute, and so on)".
#[test]
fn a_step_begins_where_it_says() {
    assert_eq!(in_2026("1/10 0 1 1 ? *", 6).last().unwrap(), "2026-01-01T00:51:00Z");
    assert_eq!(in_2026("*/15 * * * ? *", 2), ["2026-01-01T00:00:00Z", "2026-01-01T00:15:00Z"]);
    assert_eq!(in_2026("0-15/15 3-3 * * ? *", 3), ["2026-01-01T03:00:00Z", "2026-01-01T03:15:00Z", "2026-01-02T03:00:00Z"]);
}

/// "Run every 30 minutes Monday through Friday between 10:00 PM on the starting day to 2:00 AM on the following day (UTC). Run from 12:00 AM to 2:00 AM
/// on Monday morning (UTC)": of the days that are named, as each hour is taken for itself.
#[test]
fn a_range_may_go_over_midnight() {
    let all = times("0/30 20-2 ? * MON-FRI *", &TimeZone::UTC, "2026-01-04T23:59:00Z", 8);
    assert_eq!((&*all[0], &*all[5], &*all[6]), ("2026-01-05T00:00:00Z", "2026-01-05T02:30:00Z", "2026-01-05T20:00:00Z"));
}

/// "A schedule that runs at 10:15am on the last Friday of each month during the years 2022 to 2023".
#[test]
fn six_and_l_is_the_last_friday() {
    let all = times("15 10 ? * 6L 2022-2023", &TimeZone::UTC, "2021-06-01T00:00:00Z", 100);
    assert_eq!(all.len(), 24);
    assert_eq!((&*all[0], &*all[1], &*all[23]), ("2022-01-28T10:15:00Z", "2022-02-25T10:15:00Z", "2023-12-29T10:15:00Z"));
}

/// "The L wildcard in the Day-of-month or Day-of-week fields specifies the last day of the month or week."
#[test]
fn l_is_the_last_day_of_the_month_or_the_week() {
    assert_eq!(in_2026("0 0 L * ? *", 2), ["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"]);
    assert_eq!(in_2026("0 0 ? * L *", 2), ["2026-01-03T00:00:00Z", "2026-01-10T00:00:00Z"]);
}

/// "3W specifies the weekday closest to the third day of the month"; 3 January is a Saturday, 3 May a Sunday, 3 March a Tuesday. 1 August is a Saturday,
/// and the weekday before it is another month's.
#[test]
fn w_is_the_weekday_that_is_closest() {
    assert_eq!(in_2026("0 0 3W JAN,MAR,MAY ? 2026", 3), ["2026-01-02T00:00:00Z", "2026-03-03T00:00:00Z", "2026-05-04T00:00:00Z"]);
    assert_eq!(in_2026("0 0 1W AUG ? 2026", 1), ["2026-08-03T00:00:00Z"]);
    assert_eq!(in_2026("0 0 31W MAY ? 2026", 1), ["2026-05-29T00:00:00Z"]);
    // January ends on a Saturday.
    assert_eq!(in_2026("0 0 LW JAN ? 2026", 1), ["2026-01-30T00:00:00Z"]);
}

/// "3#2 would be the second Tuesday of the month".
#[test]
fn a_number_sign_counts_the_days_of_a_month() {
    assert_eq!(in_2026("0 0 ? * 3#2 *", 2), ["2026-01-13T00:00:00Z", "2026-02-10T00:00:00Z"]);
    // Only some months have a fifth one.
    assert_eq!(in_2026("0 0 ? * FRI#5 *", 2), ["2026-01-30T00:00:00Z", "2026-05-29T00:00:00Z"]);
}

#[test]
fn what_is_past_or_on_no_calendar_has_no_next_time() {
    assert!(in_2026("0 0 1 1 ? 2025", 1).is_empty());
    assert!(in_2026("0 0 30 2 ? *", 1).is_empty());
    assert_eq!(in_2026("0 0 29 FEB ? *", 1), ["2028-02-29T00:00:00Z"]);
}

/// "When the time shifts forward in Spring, your schedule invocation gets skipped if the cron expression falls on a non-existent date and time. When the
/// time shifts back in the Fall, your schedule runs only once and doesn't repeat its invocation." In New York: on 8 March and on 1 November 2026, at 2:00.
#[test]
fn an_hour_that_is_skipped_has_no_run_and_one_that_is_repeated_has_one() {
    let new_york = zone("America/New_York");
    assert_eq!(times("30 2 * * ? *", &new_york, "2026-03-07T00:00:00Z", 2), ["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"]);
    assert_eq!(times("30 1 * * ? *", &new_york, "2026-11-01T00:00:00Z", 2), ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
    // Asked within the repeated hour, too.
    assert_eq!(times("30 1 * * ? *", &new_york, "2026-11-01T06:10:00Z", 1), ["2026-11-02T06:30:00Z"]);
}

/// 9:00 in Berlin is 8:00 UTC in winter and 7:00 in summer, from 29 March 2026 on.
#[test]
fn a_time_follows_the_clocks_of_its_zone() {
    let berlin = zone("Europe/Berlin");
    assert_eq!(times("0 9 * * ? *", &berlin, "2026-03-28T00:00:00Z", 2), ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"]);
}

/// "You can't specify the Day-of-month and Day-of-week fields in the same cron expression"; "3#1,6#3 is not valid".
#[test]
fn what_aws_refuses_is_refused() {
    let refused = [
        "",
        "* * * * *",
        "0 9 * * ?",
        "0 9 * * * *",
        "0 9 ? * ? *",
        "0 9 1 * MON *",
        "0 9 ? * 3#1,6#3 *",
        "60 * * * ? *",
        "0 24 * * ? *",
        "0 0 0 * ? *",
        "0 0 32 * ? *",
        "0 0 * 13 ? *",
        "0 0 ? * 8 *",
        "0 0 ? * 0 *",
        "0 0 ? * MON#6 *",
        "0 0 * * ? 1969",
        "0 0 * * ? 2200",
        "0 0 * * ? 2027-2026",
        "0/0 * * * ? *",
        "/5 * * * ? *",
        "5, * * * ? *",
        "+5 * * * ? *",
        "-5 * * * ? *",
        "? * * * ? *",
        "0 0 W * ? *",
        "0 0 * JANUARY ? *",
        "0 0 0W * ? *",
        "0 0 * * ? * *",
    ];
    for fields in refused {
        assert_eq!(Cron::parse(fields), None, "{fields}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_fail(fields in "[0-9*/?LW#,A-Z -]{0,40}") {
        if let Some(cron) = Cron::parse(&fields) {
            let after: Timestamp = "2026-03-07T00:00:00Z".parse().unwrap();
            let next = cron.next(after, &zone("America/New_York"));
            assert!(next.is_none_or(|next| next > after));
        }
    }
}

//! Points in time.

use kecs_model::Timestamp;
use proptest::prelude::*;

fn read(json: &str) -> Option<i64> {
    serde_json::from_str::<Timestamp>(json).ok().map(Timestamp::as_millis)
}

fn written(millis: i64) -> String {
    serde_json::to_string(&Timestamp::from_millis(millis)).unwrap()
}

#[test]
fn whole_seconds_are_written_as_an_integer() {
    assert_eq!(written(1_472_512_427_000), "1472512427");
    assert_eq!(written(0), "0");
}

#[test]
fn milliseconds_are_written_as_decimals() {
    assert_eq!(written(1_472_512_427_298), "1472512427.298");
    assert_eq!(written(-1), "-0.001");
}

#[test]
fn numbers_of_every_form_are_read() {
    assert_eq!(read("1472512427"), Some(1_472_512_427_000));
    assert_eq!(read("1472512427.298"), Some(1_472_512_427_298));
    assert_eq!(read("1.472512427298E9"), Some(1_472_512_427_298));
    assert_eq!(read("-1.5"), Some(-1500));
}

#[test]
fn an_iso_string_is_read() {
    // 1472487227 is 2016-08-29T16:13:47Z, by `date -u -d @1472487227`.
    assert_eq!(read(r#""2016-08-29T16:13:47.298Z""#), Some(1_472_487_227_298));
    assert_eq!(read(r#""2016-08-29T18:13:47+02:00""#), Some(1_472_487_227_000));
}

#[test]
fn what_is_no_time_is_refused() {
    for json in ["1e300", "-1e300", "9223372036854775807", "18446744073709551615", r#""soon""#, "true", "[]"] {
        assert_eq!(read(json), None, "{json}");
    }
}

#[test]
fn it_is_displayed_in_iso_8601() {
    assert_eq!(Timestamp::from_millis(1_472_487_227_298).to_string(), "2016-08-29T16:13:47.298Z");
}

#[test]
fn a_system_time_is_cut_to_the_millisecond() {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_micros(1_234_567);
    assert_eq!(Timestamp::from(time).as_millis(), 1234);
}

proptest! {
    /// From the year -5000 or so to the year 9999.
    #[test]
    fn what_is_written_is_read_again(millis in -200_000_000_000_000_i64..253_402_300_799_999) {
        prop_assert_eq!(read(&written(millis)), Some(millis));
    }

    #[test]
    fn times_are_ordered_as_their_milliseconds(one: i64, other: i64) {
        prop_assert_eq!(Timestamp::from_millis(one).cmp(&Timestamp::from_millis(other)), one.cmp(&other));
    }
}

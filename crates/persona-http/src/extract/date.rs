//! Dates of HTTP, which have whole seconds (RFC 9110, sections 5.6.7 and 8.8.2).
//!
//! The time of a change has microseconds; `Last-Modified` is the end of its second. While that
//! second lasts, a further change could get the same date, and `Last-Modified` must not be later
//! than the answer (section 8.8.2.1). So until the second is over, `Last-Modified` is the time of
//! the answer in whole seconds. This date is before the change, so a condition with it is not met.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use http::HeaderValue;
use persona_model::Timestamp;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Bytes of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
const DATE_BYTES: usize = 29;

/// The value of `Last-Modified` of a state that began at `changed`, in an answer at `now`. `None`
/// for a time that a date of HTTP cannot express.
pub(crate) fn last_modified(changed: Timestamp, now: Timestamp) -> Option<HeaderValue> {
    let second = second_after(changed).min(now.as_micros().div_euclid(MICROS_PER_SECOND));
    // A date of HTTP has four digits for the year.
    let second = u64::try_from(second).ok().filter(|second| *second < SECONDS_END)?;
    let time = UNIX_EPOCH + Duration::from_secs(second);
    let mut text = String::with_capacity(DATE_BYTES);
    write!(text, "{}", httpdate::HttpDate::from(time)).ok()?;
    HeaderValue::try_from(text).ok()
}

/// 10000-01-01T00:00:00Z.
const SECONDS_END: u64 = 253_402_300_800;

/// The first whole second that is not before this time.
fn second_after(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(MICROS_PER_SECOND)
        + i64::from(time.as_micros().rem_euclid(MICROS_PER_SECOND) > 0)
}

/// Reads a date in any of the three forms of HTTP; `None` for anything else.
pub(crate) fn parse(text: &[u8]) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(std::str::from_utf8(text).ok()?.trim()).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;

    use super::{last_modified, parse};

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn the_date_of_a_change_is_the_end_of_its_second_and_never_later_than_now() {
        let told = |changed, now| {
            last_modified(time(changed), time(now))
                .map(|value| value.to_str().expect("text").to_owned())
        };
        let later = "2026-11-24T18:10:42Z";
        assert_eq!(
            told("2026-11-24T18:10:41.000001Z", later).as_deref(),
            Some("Tue, 24 Nov 2026 18:10:42 GMT")
        );
        assert_eq!(
            told("2026-11-24T18:10:41.999999Z", later).as_deref(),
            Some("Tue, 24 Nov 2026 18:10:42 GMT")
        );
        assert_eq!(
            told("2026-11-24T18:10:41Z", later).as_deref(),
            Some("Tue, 24 Nov 2026 18:10:41 GMT")
        );
        // Within the second of the change, `Last-Modified` is before the change.
        assert_eq!(
            told("2026-11-24T18:10:41.5Z", "2026-11-24T18:10:41.9Z").as_deref(),
            Some("Tue, 24 Nov 2026 18:10:41 GMT")
        );
        let end = Timestamp::from_micros(i64::MAX);
        assert_eq!(last_modified(end, end), None);
        assert_eq!(told("1969-12-31T23:59:58.5Z", later), None);
    }

    #[test]
    fn all_three_forms_of_a_date_are_read_and_nothing_else() {
        let date = time("1994-11-06T08:49:37Z");
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(date), "{text}");
        }
        for text in [
            "",
            "0",
            "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "\u{e9}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}

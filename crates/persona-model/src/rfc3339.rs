//! Reads times as RFC 3339 writes them, in every spelling. The bytes are read one by one, because
//! every read of a persona parses a time.

const MICROS_DIGITS: usize = 6;
const SECONDS_PER_DAY: i64 = 86_400;

/// Microseconds since 1970-01-01T00:00:00Z of a `date-time` (RFC 3339, section 5.6); `None` for
/// anything else.
///
/// `t` or a space may stand for `T`, and `z` for `Z`. A fraction may have any length, and digits
/// beyond the microsecond are cut off. A leap second is read as the second before it, as clocks
/// show it that skip leap seconds.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    let two = |at: usize| number(bytes.get(at..at + 2)?);
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(&bytes[..4])?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let is_day = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !is_day || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = if is(19, b".") { fraction(&bytes[20..])? } else { (0, &bytes[19..]) };
    let seconds = days_before(year, month, day) * SECONDS_PER_DAY
        + hour * 3600
        + minute * 60
        + second.min(59);
    Some((seconds - offset(zone)?) * 1_000_000 + fraction)
}

/// The number that a text of digits alone says.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

/// The microseconds of a fraction of a second, and the bytes behind it.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = bytes[..length].iter().copied().chain(std::iter::repeat(b'0')).take(MICROS_DIGITS);
    let micros = digits.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
    (length > 0).then_some((micros, &bytes[length..]))
}

/// The offset of a time zone from UTC, in seconds.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), hours @ .., b':', _, _] if hours.len() == 2 => {
            let (hours, minutes) = (number(hours)?, number(&zone[4..])?);
            let seconds = hours * 3600 + minutes * 60;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of days from 1970-01-01 to this day. Years are counted from March on, so that the
/// leap day is the last of its year.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_TO_EPOCH: i64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - DAYS_TO_EPOCH
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn every_spelling_of_a_time_is_read() {
        let time = Some(1_795_543_841_000_120);
        for text in [
            "2026-11-24T18:10:41.000120Z",
            "2026-11-24t18:10:41.00012z",
            "2026-11-24 18:10:41.00012+00:00",
            "2026-11-24T18:10:41.0001209999999999999999Z",
            "2026-11-24T19:10:41.00012+01:00",
            "2026-11-25T03:55:41.00012+09:45",
            "2026-11-23T18:11:41.00012-23:59",
            "2026-11-24T18:10:41.00012-00:00",
        ] {
            assert_eq!(micros(text), time, "{text}");
        }
        assert_eq!(micros("2016-12-31T23:59:60Z"), micros("2016-12-31T23:59:59Z"));
        assert_eq!(micros("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(micros("1969-12-31T23:59:59.9Z"), Some(-100_000));
        assert_eq!(micros("9999-12-31T23:59:59.999999Z"), Some(253_402_300_799_999_999));
        assert_eq!(micros("0000-01-01T00:00:00Z"), Some(-62_167_219_200_000_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-11-24",
            "2026-11-24T18:10:41",
            "2026-11-24T18:10Z",
            "2026-11-24T18:10:41.Z",
            "2026-11-24T18:10:41,5Z",
            "2026-11-24T18:10:41+0100",
            "2026-11-24T18:10:41+01:60",
            "2026-11-24T18:10:41+24:00",
            "2026-11-24T18:10:41 01:00",
            "2026-11-24T18:10:41Z ",
            "2026-11-24T24:00:00Z",
            "2026-11-24T18:60:00Z",
            "2026-11-24T18:10:61Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "-026-11-24T18:10:41Z",
            "2026-11-24T18:10:41\u{e9}",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn another_reader_reads_the_same() {
        // The step is a prime number of days and microseconds, and goes from the year 1 to the year
        // 9999.
        let mut time = jiff::Timestamp::from_second(-62_135_596_800).expect("the year 1");
        let mut count = 0;
        while let Ok(next) =
            time.checked_add(jiff::SignedDuration::new(86_400 * 37 + 4_001, 1_009_000))
        {
            assert_eq!(micros(&time.to_string()), Some(time.as_microsecond()), "{time}");
            (time, count) = (next, count + 1);
        }
        assert!(count > 90_000, "{count}");
    }
}

//! Sizes and times for people.

/// A size in the largest unit that fits at least once.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    UNITS.into_iter().find(|(unit, _)| bytes >= *unit).map_or_else(
        || format!("{bytes} bytes"),
        |(unit, name)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    )
}

/// A short time in the largest unit that fits at least once.
pub fn short_time(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..10_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        10_000..1_000_000 => format!("{} ms", micros / 1000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// A long time in its two largest units.
pub fn long_time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// The number of personas for people; every command and check counts deleted personas separately.
pub fn personas(living: u64, deleted: u64) -> String {
    let living = if living == 1 { "1 persona".into() } else { format!("{living} personas") };
    if deleted == 0 { living } else { format!("{living} and {deleted} deleted") }
}

#[cfg(test)]
mod tests {
    use super::{long_time, short_time, size};

    #[test]
    fn sizes_have_the_largest_unit_that_fits() {
        assert_eq!(
            [size(0), size(1023), size(1024), size(5 << 30)],
            ["0 bytes", "1023 bytes", "1.0 KiB", "5.0 GiB"]
        );
    }

    #[test]
    fn times_are_as_short_as_they_can_be_told() {
        assert_eq!(
            [short_time(7), short_time(1_200), short_time(42_000), short_time(1_500_000)],
            ["7 us", "1.2 ms", "42 ms", "1.5 s"]
        );
        assert_eq!(
            [long_time(5), long_time(125), long_time(7_260), long_time(90_000)],
            ["5 s", "2 min 05 s", "2 h 01 min", "1 d 01 h"]
        );
    }
}

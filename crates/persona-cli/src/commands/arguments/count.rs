//! Numbers of things on the command line.

/// Reads a number of things of which at least one is wanted. The parser's own words for the range
/// name the largest number that fits into 64 bits.
pub fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is wanted".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("this is no whole number from 1 on".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::at_least_one;

    #[test]
    fn a_number_of_things_is_whole_and_not_zero() {
        assert_eq!(at_least_one("1"), Ok(1));
        assert_eq!(at_least_one("18446744073709551615"), Ok(u64::MAX));
        for text in ["0", "", "-1", "1.5", "ten", "18446744073709551616"] {
            assert!(at_least_one(text).is_err(), "{text}");
        }
    }
}

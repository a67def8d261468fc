//! Settings that had another name in an earlier version. An error about an earlier name tells the
//! new one.

use super::key::KEYS;
use super::value_kind::Key;

/// Earlier names, each with the current name.
const RENAMED: [(&str, &str); 1] = [("gate_warn_ms", "write_lock_warn_ms")];

/// The setting that had this name in an earlier version. The name is written as in `Config`; in a
/// settings file it was in the section in which the setting is today.
pub fn setting_of_earlier_name(name: &str) -> Option<&'static Key> {
    let (_, now) = RENAMED.iter().find(|(before, _)| *before == name)?;
    KEYS.iter().find(|key| key.name == *now)
}

#[cfg(test)]
mod tests {
    use super::{KEYS, RENAMED, setting_of_earlier_name};

    #[test]
    fn an_earlier_name_leads_to_a_setting_and_is_none_itself() {
        for (before, now) in RENAMED {
            assert_eq!(setting_of_earlier_name(before).map(|key| key.name), Some(now));
            assert!(KEYS.iter().all(|key| key.name != before), "{before}");
        }
        assert!(setting_of_earlier_name("port").is_none());
    }
}

//! The check of the certificate that the settings name.

use persona_server::findings;

use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;

pub(in crate::doctor) const GROUP: Group =
    Group { name: "Encryption", checks: &[Check { name: "certificate", test: certificate, fix }] };

fn certificate(facts: &Facts) -> Option<Finding> {
    let ends_at = match &facts.certificate.as_ref()?.ends_at {
        Err((message, _)) => return Some(Finding::fail(message.clone())),
        Ok(ends_at) => *ends_at,
    };
    let (level, text) = findings::certificate(ends_at, facts.now);
    Some(Finding { level, text })
}

fn fix(facts: &Facts) -> String {
    match facts.certificate.as_ref().map(|facts| &facts.ends_at) {
        Some(Err((_, hint))) => hint.clone(),
        _ => "renew it; a running server takes the new files by itself".into(),
    }
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;

    use super::certificate;
    use crate::doctor::check::Level;
    use crate::doctor::facts::{CertificateFacts, Facts};

    #[test]
    fn a_certificate_is_warned_of_before_it_ends() {
        let day = 86_400_000_000;
        let level = |ends_at| {
            let now = Timestamp::from_micros(100 * day);
            let certificate_facts = Some(CertificateFacts { ends_at });
            let facts = Facts { certificate: certificate_facts, ..Facts::new(now, None, None) };
            certificate(&facts).expect("a finding").level
        };
        assert_eq!(level(Ok(Timestamp::from_micros(115 * day))), Level::Ok);
        assert_eq!(level(Ok(Timestamp::from_micros(113 * day))), Level::Warn);
        assert_eq!(level(Err(("broken".into(), "mend it".into()))), Level::Fail);
        assert!(certificate(&Facts::new(Timestamp::default(), None, None)).is_none());
    }
}

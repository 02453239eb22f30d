//! E-mail addresses as a matching key.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// The longest address that Dataverse's `emailaddress1` holds, in characters.
pub const MAX_ADDRESS: usize = 100;

/// An e-mail address in the form in which two spellings of one address are equal: trimmed, Unicode-normalised (NFC), lower case.
///
/// Everything else survives: `+tags` and apostrophes are part of the address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// The key of a written address, or why it cannot be one.
    ///
    /// # Errors
    /// What is wrong, without the address itself.
    pub fn parse(written: &str) -> Result<Self, &'static str> {
        let key: String = written.trim().nfc().flat_map(char::to_lowercase).collect();
        if key.chars().count() > MAX_ADDRESS {
            return Err("is longer than the 100 characters that Dynamics 365 keeps of an address");
        }
        if key.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("contains white space or control characters");
        }
        match key.rsplit_once('@') {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !local.contains('@') => Ok(Self(key)),
            _ => Err("is not an e-mail address (name@domain)"),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is in this domain, written in lower case without a leading dot, or in a subdomain of it.
    pub fn is_in(&self, domain: &str) -> bool {
        let (_, own) = self.0.rsplit_once('@').unwrap_or_default();
        own.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or(self.0.as_str(), |(local, _)| local)
    }
}

/// An address is personal: it is never printed.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_equal() {
        let key = |text| Address::parse(text).unwrap();
        assert_eq!(key(" Ana.Souza@Contoso.example "), key("ana.souza@contoso.example"));
        assert_eq!(key("jose\u{301}@x.example"), key("jos\u{e9}@x.example"));
        assert_ne!(key("ana+vip@x.example"), key("ana@x.example"));
        assert_eq!(key("o'neil@x.example").local_part(), "o'neil");
    }

    #[test]
    fn subdomains_are_in_a_domain_and_longer_names_are_not() {
        let address = Address::parse("ana@mail.contoso.example").unwrap();
        assert!(address.is_in("contoso.example") && address.is_in("mail.contoso.example"));
        assert!(!address.is_in("so.example") && !address.is_in("news.mail.contoso.example"));
    }

    #[test]
    fn what_is_no_address_says_why() {
        for bad in ["", "ana", "@x.example", "ana@", "a b@x.example", "a@b@c", "ana\u{0}@x.example"] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Address::parse(&format!("{}@x.example", "a".repeat(91))).is_err());
        assert!(!format!("{:?}", Address::parse("ana@x.example").unwrap()).contains("ana"));
    }
}

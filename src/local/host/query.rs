//! Query strings, as the real host's web server reads them and its forwarder writes them.

/// Names in the order of their first mention, each with all its values.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, Vec<String>)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name, true), decode(value, true));
            match query.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((_, values)) => values.push(value),
                None => query.0.push((name, vec![value])),
            }
        }
        query
    }

    /// Repeated values joined with commas.
    pub(super) fn joined(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(name, values)| (name.clone(), values.join(",")))
    }

    /// The last of repeated values.
    pub(super) fn last(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.last().map_or("", String::as_str)))
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.joined().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// As a forwarded request carries it, with its question mark; empty for an empty query.
    pub(super) fn forwarded(&self) -> String {
        let pairs: Vec<String> =
            self.joined().map(|(name, value)| format!("{}={}", encode(&name), encode(&value))).collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }
}

/// Percent-decoding; a plus is a blank in a query and itself in a path.
pub(super) fn decode(text: &str, plus_is_blank: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(if bytes[at] == b'+' && plus_is_blank { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// .NET's `UrlEncoder`: it leaves some punctuation that other encoders escape.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"!$()*,-.;@_~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_values_are_merged_and_rewritten() {
        let query = Query::parse("q=1&q=2&name=a%20b&c=cmd:x&plus=a+b&empty");
        assert_eq!(query.forwarded(), "?q=1,2&name=a%20b&c=cmd%3Ax&plus=a%20b&empty=");
        assert_eq!(query.last().next(), Some(("q", "2")));
        assert_eq!(query.get("NAME").as_deref(), Some("a b"));
        assert_eq!(Query::parse("").forwarded(), "");
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(decode("100%", false), "100%");
        assert_eq!(decode("%zz%C3%A9+", false), "%zzé+");
        assert_eq!(decode("%é", false), "%é");
    }
}

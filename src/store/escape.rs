//! Keys as Table storage can keep them.
//!
//! It forbids `/`, `\`, `#`, `?` and control characters
//! (<https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model>), and a key stands between
//! quotes in a URL. So letters, digits and `-_.:@` stay, and each byte of anything else becomes `~` and two hexadecimal
//! digits; not `%`, because a percent sign in a URL is easily decoded once too often. An empty key is `~` alone.

use std::fmt::Write as _;

pub(super) fn escape(text: &str) -> String {
    if text.is_empty() {
        return "~".to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '@') {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(out, "~{byte:02x}");
            }
        }
    }
    out
}

/// `None` for what [`escape`] never writes.
pub(super) fn unescape(text: &str) -> Option<String> {
    if text == "~" {
        return Some(String::new());
    }
    let mut pieces = text.split('~');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = (piece.get(..2)?, piece.get(2..)?);
        // The parser would take a sign for a digit.
        hex.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_needs_it_is_escaped() {
        for (text, escaped) in [
            ("", "~"),
            ("event-42_a.b:c@d", "event-42_a.b:c@d"),
            ("a/b\\c#d?e%f'g~h i", "a~2fb~5cc~23d~3fe~25f~27g~7eh~20i"),
            ("é名", "é名"),
            ("\u{0}\u{85}♥", "~00~c2~85~e2~99~a5"),
        ] {
            assert_eq!(escape(text), escaped);
            assert_eq!(unescape(escaped).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_was_not_escaped_here_is_not_understood() {
        for text in ["", "a~", "a~2", "~zz", "~+1", "~c3", "a~~"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn escaping_loses_nothing(chars in proptest::collection::vec(any::<char>(), 0..30)) {
            let text: String = chars.into_iter().collect();
            let escaped = escape(&text);
            let kept = |c: char| c.is_alphanumeric() || "-_.:@~".contains(c);
            prop_assert!(!escaped.is_empty() && escaped.chars().all(kept));
            prop_assert_eq!(unescape(&escaped), Some(text));
        }
    }
}

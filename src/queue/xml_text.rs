//! A queue message travels inside an XML document, and XML 1.0 cannot carry every character.
//!
//! The characters it allows: <https://www.w3.org/TR/xml/#charsets>. Its parsers also turn a carriage return into a line
//! feed (<https://www.w3.org/TR/xml/#sec-line-ends>), and its authors are told to avoid U+007F to U+009F.

use std::{borrow::Cow, fmt::Write as _};

use serde::de::IgnoredAny;

use super::QueueError;

/// The same JSON, spelled without the characters that are lost or changed on the way through XML: inside strings they
/// become `\uXXXX`, and a carriage return between tokens becomes a space.
///
/// Text that holds none of them comes back as it is, JSON or not.
///
/// # Errors
/// [`QueueError::Unsendable`] when the text holds such a character and is not JSON in which it could be escaped.
pub fn xml_safe_json(text: &str) -> Result<Cow<'_, str>, QueueError> {
    let Some(at) = text.find(is_unsafe) else { return Ok(Cow::Borrowed(text)) };
    let escaped = escape(text);
    // Only now is it known to have been JSON: in anything else a quote does not mark a string.
    if escaped.contains(is_unsafe) || serde_json::from_str::<IgnoredAny>(&escaped).is_err() {
        return Err(QueueError::Unsendable { at });
    }
    Ok(Cow::Owned(escaped))
}

fn is_unsafe(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}')
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let (mut in_string, mut after_backslash) = (false, false);
    for c in text.chars() {
        match c {
            // After a backslash an escape would change its meaning; it is not JSON anyway.
            c if is_unsafe(c) && in_string && !after_backslash => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            '\r' if !in_string => out.push(' '),
            c => out.push(c),
        }
        (in_string, after_backslash) = match c {
            _ if after_backslash => (in_string, false),
            '\\' if in_string => (true, true),
            '"' => (!in_string, false),
            _ => (in_string, false),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn harmless_text_is_not_touched() {
        for text in ["", "{}", "not json \"at all", "{\"a\":\"é ♥ 😀 <&>\\n\"}\n\t", "\u{FFFD}\u{10FFFF}"] {
            assert!(matches!(xml_safe_json(text), Ok(Cow::Borrowed(same)) if same == text));
        }
    }

    #[test]
    fn unsafe_characters_in_strings_are_escaped() {
        let safe = xml_safe_json("{\"\u{FFFE}k\":\"a\\\\\u{FFFF}\\\"\u{85}\"}").unwrap();
        assert_eq!(safe, r#"{"\ufffek":"a\\\uffff\"\u0085"}"#);
        assert_eq!(serde_json::from_str::<Value>(&safe).unwrap(), json!({"\u{FFFE}k": "a\\\u{FFFF}\"\u{85}"}));
        assert_eq!(xml_safe_json("[1,\r\n2]").unwrap(), "[1, \n2]");
        assert_eq!(xml_safe_json("\"\u{1}\"").unwrap(), r#""\u0001""#);
    }

    #[test]
    fn what_cannot_be_escaped_is_refused_and_not_shown() {
        for text in ["a\u{0}b", "{\"secret\":1}\u{FFFF}", "\"secret\\\u{FFFF}\"", "say \"hi\u{1}\"", "a\r\nb"] {
            let error = xml_safe_json(text).unwrap_err();
            assert!(matches!(error, QueueError::Unsendable { .. }), "{text:?}");
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    proptest! {
        #[test]
        fn any_string_keeps_its_meaning(s in proptest::collection::vec(any::<char>(), 0..40)) {
            let value = json!({ s.iter().collect::<String>(): s.iter().collect::<String>() });
            let text = value.to_string();
            let safe = xml_safe_json(&text).unwrap();
            prop_assert!(!safe.contains(is_unsafe));
            prop_assert_eq!(serde_json::from_str::<Value>(&safe).unwrap(), value);
        }
    }
}

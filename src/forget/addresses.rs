//! The e-mail addresses that stand in a text.

use serde_json::Value;

use crate::model::Address;

/// Every address in the text; where it is JSON, in the texts in it, however they are escaped.
pub(super) fn in_text(text: &str) -> Vec<Address> {
    let mut found = Vec::new();
    match serde_json::from_str::<Value>(text) {
        Ok(json) => in_json(&json, &mut found),
        Err(_) => in_words(text, &mut found),
    }
    found
}

fn in_json(json: &Value, found: &mut Vec<Address>) {
    match json {
        Value::String(text) => {
            found.extend(Address::parse(text));
            in_words(text, found);
            if text.contains("%40") {
                // The body of a form.
                in_words(&percent_encoding::percent_decode_str(text).decode_utf8_lossy(), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| in_json(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                in_words(name, found);
                in_json(value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn in_words(text: &str, found: &mut Vec<Address>) {
    let between = |c: char| c.is_whitespace() || c.is_control() || r#""<>,;:()[]{}|\=&?"#.contains(c);
    for word in text.split(between).filter(|word| word.contains('@')) {
        let word = word.trim_end_matches(['.', '!']);
        found.extend(Address::parse(word));
        // An apostrophe may belong to the address, or be a quote around it.
        let unquoted = word.trim_matches(['\'', '`', '.']);
        if unquoted != word {
            found.extend(Address::parse(unquoted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let ana = Address::parse("ana@x.example").unwrap();
        for text in [
            "ana@x.example",
            "A record with ANA@x.example. Exists",
            "value 'ana@x.example'",
            "<mailto:ana@x.example>",
            r#"{"to":["\u0061na@x.example"]}"#,
            r#"{"body":"type=checkin&email=Ana%40x.example&x=1"}"#,
            r#"{"body":"{\"email\":\"ana@x.example\"}"}"#,
            r#"{"a":{"ana@x.example":1}}"#,
            r#"{"broken": "ana@x.example"#,
            "x=ana@x.example&y=1",
        ] {
            assert!(in_text(text).contains(&ana), "{text}");
        }
        for text in ["", "@", "diana@x.example", "ana@x.example.org", "ana at x.example"] {
            assert!(!in_text(text).contains(&ana), "{text}");
        }
        assert!(in_text("o'neil@x.example").contains(&Address::parse("o'neil@x.example").unwrap()));
    }
}

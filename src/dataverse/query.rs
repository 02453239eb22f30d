//! Queries as the Web API spells them (Microsoft: "Query data using the Web API").

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand bare in a query string: the unreserved characters, and those that OData itself is made of.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'(').remove(b')').remove(b'*');

/// The longest request line that is put into a `$batch`, in bytes. Dataverse allows 65,536 there.
pub const MAX_URL: usize = 50_000;

/// A text literal: `'O''Brien'`.
pub fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// `column is one of these`, for text, ids and lookups alike.
pub fn is_one_of<'a>(column: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| serde_json::Value::from(value).to_string()).collect();
    format!("Microsoft.Dynamics.CRM.In(PropertyName='{column}',PropertyValues=[{}])", values.join(","))
}

/// Percent-encodes the value of a query option.
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, KEPT).to_string()
}

/// `set?$select=…&$filter=…`, encoded.
pub fn select(set: &str, columns: &[&str], filter: &str) -> String {
    format!("{set}?$select={}&$filter={}", columns.join(","), encode(filter))
}

/// Cuts the values into runs whose encoded length stays under [`MAX_URL`], with room for the rest of the query.
pub fn chunks<'a>(values: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut runs: Vec<Vec<&str>> = Vec::new();
    let mut room = 0;
    for value in values {
        // Quotes and the comma are encoded too: %22…%22%2C.
        let weight = encode(value).len() + 9;
        if weight > room {
            runs.push(Vec::new());
            room = MAX_URL - 2_000;
        }
        room = room.saturating_sub(weight);
        runs.last_mut().into_iter().for_each(|run| run.push(value));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_specials_survive() {
        assert_eq!(text("O'Brien"), "'O''Brien'");
        let query =
            select("contacts", &["contactid"], &is_one_of("emailaddress1", ["a+b'c@x.example", "q\"\\@x.example"]));
        assert!(query.contains("a%2Bb%27c%40x.example"));
        assert!(query.contains("q%5C%22%5C%5C%40x.example"));
        assert!(!query.contains(['+', '"', ' ', '&', '\'']) || query.matches('&').count() == 1);
    }

    #[test]
    fn long_lists_are_cut() {
        let long = "é".repeat(100);
        let values = vec![long.as_str(); 300];
        let runs = chunks(&values);
        assert_eq!(runs.iter().map(Vec::len).sum::<usize>(), 300);
        assert!(runs.len() > 1);
        for run in runs {
            assert!(encode(&is_one_of("emailaddress1", run)).len() < MAX_URL);
        }
        assert!(chunks(&[]).is_empty());
    }
}

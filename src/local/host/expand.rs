//! `%NAME%` in host.json and function.json.

/// Replaces every `%NAME%` by the setting of that name, or else the variable of this process; unknown names stay as they are.
pub(super) fn expand(text: &str, settings: &[(String, String)]) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        let value = after.split_once('%').and_then(|(name, tail)| Some((lookup(name, settings)?, tail)));
        match value {
            Some((value, tail)) => {
                expanded.push_str(&value);
                rest = tail;
            }
            None => {
                expanded.push('%');
                rest = after;
            }
        }
    }
    expanded + rest
}

fn lookup(name: &str, settings: &[(String, String)]) -> Option<String> {
    // The last one wins, as it does in the environment of the handler.
    let set = settings.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    set.or_else(|| std::env::var(name).ok().filter(|_| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_replaced_and_others_stay() {
        let settings = [("A".to_owned(), "1".to_owned()), ("A".to_owned(), "2".to_owned())];
        for (text, expected) in [
            ("%A%", "2"),
            ("x%A%y%A%", "x2y2"),
            ("100%", "100%"),
            ("%NO_SUCH_NAME_ANYWHERE%", "%NO_SUCH_NAME_ANYWHERE%"),
            ("50% of %A%", "50% of 2"),
            ("%%", "%%"),
        ] {
            assert_eq!(expand(text, &settings), expected, "{text}");
        }
    }
}

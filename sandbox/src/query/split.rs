//! Cutting query options at separators that stand outside quotes, parentheses and lists.

/// Splits at a separator on the outermost level.
pub(super) fn outermost(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (at, character) in text.char_indices() {
        match (character, quote) {
            (c, Some(q)) if c == q => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(character),
            ('(' | '[', None) => depth += 1,
            (')' | ']', None) => depth = depth.saturating_sub(1),
            (c, None) if c == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// `name(inner)` as its two parts; text without parentheses has no inner part.
pub(super) fn call(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.trim();
    match text.split_once('(') {
        None => Some((text, None)),
        Some((name, rest)) => rest.strip_suffix(')').map(|inner| (name.trim(), Some(inner))),
    }
}

#[cfg(test)]
mod tests {
    use super::{call, outermost};

    #[test]
    fn separators_inside_are_left_alone() {
        let text = "a($filter=contains(b,'x,y');$top=1),c,d(e(f,g))";
        assert_eq!(outermost(text, ','), ["a($filter=contains(b,'x,y');$top=1)", "c", "d(e(f,g))"]);
        assert_eq!(call("a(b(c))"), Some(("a", Some("b(c)"))));
        assert_eq!(call("a(b"), None);
    }
}

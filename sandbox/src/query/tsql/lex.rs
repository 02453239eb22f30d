//! Tokens of T-SQL.

use super::parse::invalid;
use crate::errors::ApiResult;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword or a name; names may stand in brackets or double quotes, keywords not.
    Word {
        text: String,
        quoted: bool,
    },
    Text(String),
    Number(String),
    /// Punctuation and operators, such as `<=`.
    Sign(&'static str),
}

const SIGNS: [&str; 13] = ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ",", ".", "*", "-"];

/// Splits a statement into tokens.
pub(super) fn tokens(source: &str) -> ApiResult<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("--") {
            rest = after.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(after) = rest.strip_prefix("/*") {
            rest = after.split_once("*/").ok_or_else(|| invalid("A comment has no end."))?.1;
        } else if let Some(after) = rest.strip_prefix('\'').or_else(|| rest.strip_prefix("N'")) {
            let (text, after) = quoted(after, '\'')?;
            found.push(Token::Text(text));
            rest = after;
        } else if first == '[' || first == '"' {
            let (text, after) = quoted(&rest[1..], if first == '[' { ']' } else { '"' })?;
            found.push(Token::Word { text, quoted: true });
            rest = after;
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            found.push(Token::Number(rest[..end].to_owned()));
            rest = &rest[end..];
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(Token::Word { text: rest[..end].to_owned(), quoted: false });
            rest = &rest[end..];
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or_else(|| invalid(&format!("Incorrect syntax near '{first}'.")))?;
            found.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        }
        rest = rest.trim_start();
    }
    Ok(found)
}

/// Text up to a closing quote, which stands for itself where it is doubled, and what follows it.
fn quoted(source: &str, quote: char) -> ApiResult<(String, &str)> {
    let mut text = String::new();
    let mut rest = source;
    loop {
        let (before, after) = rest.split_once(quote).ok_or_else(|| invalid("A quoted text has no end."))?;
        text.push_str(before);
        match after.strip_prefix(quote) {
            Some(after) => {
                text.push(quote);
                rest = after;
            }
            None => return Ok((text, after)),
        }
    }
}

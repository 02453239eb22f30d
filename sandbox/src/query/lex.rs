//! Tokens of the OData expression language.

use crate::errors::{ApiError, ApiResult};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword, name, number, identifier or point in time: anything without quotes.
    Word(String),
    /// Text in single quotes, or in double ones inside a list.
    Text(String),
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    Equals,
}

/// Splits an expression into tokens, each with the position it starts at.
pub(super) fn tokens(source: &str) -> ApiResult<Vec<(usize, Token)>> {
    let mut found = Vec::new();
    let mut rest = source.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        let token = match character {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '[' => Token::OpenList,
            ']' => Token::CloseList,
            ',' => Token::Comma,
            '=' => Token::Equals,
            '\'' => {
                let mut text = String::new();
                loop {
                    match rest.next() {
                        Some((_, '\'')) => match rest.peek() {
                            Some((_, '\'')) => {
                                rest.next();
                                text.push('\'');
                            }
                            _ => break,
                        },
                        Some((_, c)) => text.push(c),
                        None => return Err(unterminated(source)),
                    }
                }
                Token::Text(text)
            }
            '"' => {
                let mut end = None;
                let mut escaped = false;
                for (position, c) in rest.by_ref() {
                    match c {
                        '"' if !escaped => {
                            end = Some(position);
                            break;
                        }
                        '\\' => escaped = !escaped,
                        _ => escaped = false,
                    }
                }
                let end = end.ok_or_else(|| unterminated(source))?;
                Token::Text(serde_json::from_str(&source[at..=end]).map_err(|_| unterminated(source))?)
            }
            first => {
                let mut word = String::from(first);
                while let Some((_, c)) = rest.next_if(|(_, c)| !c.is_whitespace() && !"()[],='\"".contains(*c)) {
                    word.push(c);
                }
                Token::Word(word)
            }
        };
        found.push((at, token));
    }
    Ok(found)
}

/// The position in the text is that of its end, where the missing quote would have been.
fn unterminated(source: &str) -> ApiError {
    let at = source.chars().count();
    ApiError::query(format!("There is an unterminated literal at position {at} in '{source}'."))
}

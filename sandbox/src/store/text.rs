//! How text is compared: without regard to case, and with the wildcards of SQL Server's LIKE.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;

use crate::query::DatePart;
use crate::value::fold;

/// Teaches SQLite the `dataverse` collation and the functions `dv_like(text, pattern)` and
/// `dv_date_part(time, part)`.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_collation("dataverse", |left, right| {
        if left.is_ascii() && right.is_ascii() {
            let (left, right) = (left.as_bytes().iter(), right.as_bytes().iter());
            left.map(u8::to_ascii_lowercase).cmp(right.map(u8::to_ascii_lowercase))
        } else {
            fold(left).cmp(&fold(right))
        }
    })?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("dv_date_part", 2, flags, |context| {
        let part = DatePart::numbered(context.get(1)?);
        let date = match context.get_raw(0) {
            ValueRef::Integer(seconds) => {
                Timestamp::from_second(seconds).ok().map(|time| time.to_zoned(TimeZone::UTC).date())
            }
            ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse::<Date>().ok()),
            _ => None,
        };
        Ok(part.zip(date).map(|(part, date)| part.of(date)))
    })?;
    connection.create_scalar_function("dv_like", 2, flags, |context| {
        let (text, pattern) = (context.get::<Option<String>>(0)?, context.get::<String>(1)?);
        Ok(text.map(|text| matches_pattern(&text, &pattern)))
    })
}

/// One element of a LIKE pattern.
enum Piece {
    Any,
    One,
    Exactly(char),
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Piece {
    fn accepts(&self, character: char) -> bool {
        match self {
            Piece::Any => false,
            Piece::One => true,
            Piece::Exactly(expected) => *expected == character,
            Piece::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated
            }
        }
    }
}

/// Whether the whole of `text` matches `pattern`: `%` any text, `_` one character, `[a-c]` one of a set, `[^a]` none.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = fold(text).chars().collect();
    let pattern = pieces(&fold(pattern));
    // The usual greedy walk: remember the last `%` and let it swallow one character more on a mismatch.
    let (mut at, mut piece, mut retry) = (0, 0, None);
    while at < text.len() {
        match pattern.get(piece) {
            Some(Piece::Any) => {
                retry = Some((piece + 1, at));
                piece += 1;
            }
            Some(one) if one.accepts(text[at]) => {
                at += 1;
                piece += 1;
            }
            _ => match retry {
                Some((after, swallowed)) => {
                    retry = Some((after, swallowed + 1));
                    piece = after;
                    at = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[piece..].iter().all(|piece| matches!(piece, Piece::Any))
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut pieces = Vec::with_capacity(characters.len());
    let mut at = 0;
    while at < characters.len() {
        match characters[at] {
            '%' => pieces.push(Piece::Any),
            '_' => pieces.push(Piece::One),
            '[' => {
                if let Some((set, length)) = set(&characters[at + 1..]) {
                    pieces.push(set);
                    at += length;
                } else {
                    pieces.push(Piece::Exactly('['));
                }
            }
            other => pieces.push(Piece::Exactly(other)),
        }
        at += 1;
    }
    pieces
}

/// Reads what follows `[` up to the closing bracket; the length counts the bracket.
fn set(rest: &[char]) -> Option<(Piece, usize)> {
    let end = rest.iter().position(|character| *character == ']')?;
    let (negated, inner) = match rest[..end].split_first() {
        Some(('^', inner)) => (true, inner),
        _ => (false, &rest[..end]),
    };
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        if inner.get(at + 1) == Some(&'-') && at + 2 < inner.len() {
            ranges.push((inner[at], inner[at + 2]));
            at += 3;
        } else {
            ranges.push((inner[at], inner[at]));
            at += 1;
        }
    }
    (!ranges.is_empty()).then_some((Piece::Set { negated, ranges }, end + 1))
}

#[cfg(test)]
mod tests {
    use super::matches_pattern;

    #[test]
    fn patterns_match_as_in_sql_server() {
        for (text, pattern, expected) in [
            ("Contoso", "%TOS%", true),
            ("Contoso", "con%", true),
            ("Contoso", "%con", false),
            ("Contoso", "c_ntoso", true),
            ("Contoso", "[a-d]ontoso", true),
            ("Contoso", "[^c]ontoso", false),
            ("50%", "50[%]", true),
            ("50 ", "50[%]", false),
            ("a[b", "a[b", true),
            ("", "%", true),
            ("", "_", false),
            ("ÄRGER", "är%", true),
            ("ARGER", "är%", false),
        ] {
            assert_eq!(matches_pattern(text, pattern), expected, "{text} like {pattern}");
        }
    }
}

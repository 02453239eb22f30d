//! Whole numbers, decimals and money.

use serde_json::Value;

use super::Unconvertible;

/// `12`, and `12.0` too: some senders know no whole numbers.
pub(super) fn whole(text: &str, min: i64, max: i64) -> Result<i64, Unconvertible> {
    let digits = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return Err(Unconvertible::NotWhole),
        None => text,
    };
    if !plain(digits) || digits.contains('.') {
        return Err(Unconvertible::NotWhole);
    }
    let value: i64 = digits.parse().map_err(|_| Unconvertible::OutOfBounds)?;
    if (min..=max).contains(&value) { Ok(value) } else { Err(Unconvertible::OutOfBounds) }
}

/// Rounded to the column's digits. A comma is refused rather than guessed at: 1,500 is not the same everywhere.
pub(super) fn decimal(text: &str, min: f64, max: f64, precision: u32) -> Result<Value, Unconvertible> {
    if !plain(text) {
        return Err(Unconvertible::NotNumber);
    }
    let value: f64 = text.parse().map_err(|_| Unconvertible::NotNumber)?;
    // By way of its digits, so that 0.285 becomes what people expect and -0 becomes 0.
    let rounded: f64 =
        format!("{value:.digits$}", digits = precision as usize).parse().map_err(|_| Unconvertible::NotNumber)?;
    let rounded = if rounded == 0.0 { 0.0 } else { rounded };
    if !(min..=max).contains(&rounded) {
        return Err(Unconvertible::OutOfBounds);
    }
    Ok(Value::from(rounded))
}

/// A sign, digits, at most one point: no exponent, no `inf`, nothing between thousands.
fn plain(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let points = digits.bytes().filter(|b| *b == b'.').count();
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && points <= 1
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        dataverse::metadata::ColumnKind,
        sync::convert::{convert, tests::tests_how},
    };

    #[test]
    fn whole_numbers() {
        let kind = ColumnKind::Whole { min: -10, max: i64::from(i32::MAX) };
        for (stated, expected) in [
            (json!("42"), Ok(42)),
            (json!(" +7 "), Ok(7)),
            (json!("-10"), Ok(-10)),
            (json!("007"), Ok(7)),
            (json!(12), Ok(12)),
            (json!(12.0), Ok(12)),
            (json!("12.00"), Ok(12)),
            (json!("2147483648"), Err(Unconvertible::OutOfBounds)),
            (json!("-11"), Err(Unconvertible::OutOfBounds)),
            (json!("99999999999999999999"), Err(Unconvertible::OutOfBounds)),
            (json!("12.5"), Err(Unconvertible::NotWhole)),
            (json!("12."), Err(Unconvertible::NotWhole)),
            (json!("1,000"), Err(Unconvertible::NotWhole)),
            (json!("1e3"), Err(Unconvertible::NotWhole)),
            (json!("0x10"), Err(Unconvertible::NotWhole)),
            (json!("--1"), Err(Unconvertible::NotWhole)),
            (json!("1.2.0"), Err(Unconvertible::NotWhole)),
            (json!("٣"), Err(Unconvertible::NotWhole)),
            (json!(true), Err(Unconvertible::NotWhole)),
            (json!(["1", "2"]), Err(Unconvertible::NotWhole)),
        ] {
            assert_eq!(convert(&stated, &kind, &tests_how()), expected.map(|v: i64| Some(json!(v))), "{stated}");
        }
    }

    #[test]
    fn decimals_and_money() {
        let kind = ColumnKind::Decimal { min: -1_000.0, max: 1_000.0, precision: 2 };
        for (stated, expected) in [
            (json!("12.5"), Ok(12.5)),
            (json!(12.345), Ok(12.35)),
            (json!("-0.001"), Ok(0.0)),
            (json!("1000.004"), Ok(1_000.0)),
            (json!("1000.01"), Err(Unconvertible::OutOfBounds)),
            (json!("12,5"), Err(Unconvertible::NotNumber)),
            (json!("1,500.00"), Err(Unconvertible::NotNumber)),
            (json!("$5"), Err(Unconvertible::NotNumber)),
            (json!(".5"), Err(Unconvertible::NotNumber)),
            (json!("NaN"), Err(Unconvertible::NotNumber)),
            (json!("inf"), Err(Unconvertible::NotNumber)),
            (json!("1e2"), Err(Unconvertible::NotNumber)),
            (json!("12 EUR"), Err(Unconvertible::NotNumber)),
        ] {
            assert_eq!(convert(&stated, &kind, &tests_how()), expected.map(|v: f64| Some(json!(v))), "{stated}");
        }
    }
}

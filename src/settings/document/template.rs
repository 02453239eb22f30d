//! Texts with places for values: `{status}: {name}`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text in which `{name}` and `{status}` stand for values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name,
    Status,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    #[error("the template has no place {{{0}}}, only {{name}} and {{status}}")]
    UnknownPlace(String),
    #[error("a {{ of the template is never closed")]
    Unclosed,
    #[error("the template is blank")]
    Blank,
}

impl Template {
    /// `{name}`.
    pub fn lead_topic() -> Self {
        Self(vec![Piece::Name])
    }

    /// `{status}: {name}`.
    pub fn subject() -> Self {
        Self(vec![Piece::Status, Piece::Text(": ".to_owned()), Piece::Name])
    }

    pub fn fill(&self, status: &str, name: &str) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Name => name.to_owned(),
            Piece::Status => status.to_owned(),
        };
        self.0.iter().map(piece).collect()
    }

    pub fn speaks_of_status(&self) -> bool {
        self.0.contains(&Piece::Status)
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateProblem;

    fn try_from(text: String) -> Result<Self, TemplateProblem> {
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let (place, after) = after.split_once('}').ok_or(TemplateProblem::Unclosed)?;
            pieces.push(match place {
                "name" => Piece::Name,
                "status" => Piece::Status,
                other => return Err(TemplateProblem::UnknownPlace(other.to_owned())),
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        let blank = pieces.iter().all(|piece| matches!(piece, Piece::Text(text) if text.trim().is_empty()));
        if blank { Err(TemplateProblem::Blank) } else { Ok(Self(pieces)) }
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.fill("{status}", "{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_filled_and_printed() {
        let read = |text: &str| Template::try_from(text.to_owned());
        for text in ["{name}", "{status}: {name}", "InEvent {name} ({status})", "a lead"] {
            assert_eq!(String::from(read(text).unwrap()), text);
        }
        assert_eq!(read("{status}: {name}!").unwrap().fill("Attended", "{name}"), "Attended: {name}!");
        assert_eq!(read("{status}: {name}").unwrap(), Template::subject());
        assert_eq!(read("{nam}"), Err(TemplateProblem::UnknownPlace("nam".into())));
        assert_eq!(read("{name"), Err(TemplateProblem::Unclosed));
        assert_eq!(read("  "), Err(TemplateProblem::Blank));
    }
}

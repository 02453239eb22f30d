//! Expressions over what an event states: minijinja, with fuel, and strict about what is undefined.

use std::{fmt, sync::LazyLock};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, value::Serde};
use serde_json::Value;

/// Instructions that one evaluation may take. A mapping takes a dozen.
const FUEL: u64 = 500;

/// The longest expression, in bytes. The parser recurses over what it reads.
const MAX_TEXT: usize = 1_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment
});

/// What an expression may speak of; beneath `answers` anything.
const NAMES: &[(&str, &[&str])] = &[
    (
        "participant",
        &["id", "email", "first_name", "last_name", "company", "job_title", "phone", "country", "external_id"],
    ),
    ("event", &["id", "name", "begin", "end"]),
    ("session", &["id", "name", "begin", "end", "tracks"]),
    ("status", &["registration", "attendance"]),
    ("answers", &[]),
    ("id", &[]),
    ("kind", &[]),
    ("time", &[]),
    ("score", &[]),
];

/// What the condition of a list rule may speak of; beneath `sessions` anything.
const STANDING: &[(&str, &[&str])] = &[
    ("registered", &[]),
    ("cancelled", &[]),
    ("attended", &[]),
    ("partial", &[]),
    ("no_show", &[]),
    ("checked_in", &[]),
    ("checked_out", &[]),
    ("tracks_attended", &[]),
    ("score", &[]),
    ("check_in", &[]),
    ("check_out", &[]),
    ("participant", &["id"]),
    ("event", &["id", "name"]),
    ("sessions", &[]),
];

/// A compiled expression.
pub struct Expression {
    text: String,
    compiled: minijinja::Expression<'static, 'static>,
}

/// Why an expression gave no value. It quotes no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    #[error("the expression takes too long")]
    OutOfFuel,
    #[error("the expression does not fit the value")]
    Failed,
}

impl Expression {
    /// # Errors
    /// Why it is no expression, or which name it uses that no event has.
    pub fn compile(text: &str) -> Result<Self, String> {
        Self::over(text, NAMES, "event")
    }

    /// A condition over a participant's merged attendance.
    ///
    /// # Errors
    /// Why it is no expression, or which name it uses that no participant has.
    pub fn condition(text: &str) -> Result<Self, String> {
        Self::over(text, STANDING, "participant")
    }

    fn over(text: &str, names: &[(&str, &[&str])], whose: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err("it is longer than 1,000 characters".to_owned());
        }
        let compiled = ENVIRONMENT
            .compile_expression_owned(text.to_owned())
            .map_err(|error| error.detail().unwrap_or("it cannot be read").to_owned())?;
        let mut unknown: Vec<String> =
            compiled.undeclared_variables(true).into_iter().filter(|n| !known(n, names)).collect();
        unknown.sort();
        match unknown.first() {
            Some(name) => Err(format!("no {whose} has {name}")),
            None => Ok(Self { text: text.to_owned(), compiled }),
        }
    }

    /// The value over an event's JSON; `None` when it needs what the event does not state.
    ///
    /// # Errors
    /// When it runs out of fuel, or fails over these values.
    pub fn value(&self, event: &Value) -> Result<Option<Value>, ExpressionError> {
        let value = match self.compiled.eval(Serde(event)) {
            Ok(value) if value.is_undefined() || value.is_none() => return Ok(None),
            Ok(value) => value,
            Err(error) => match error.kind() {
                ErrorKind::UndefinedError => return Ok(None),
                ErrorKind::OutOfFuel => return Err(ExpressionError::OutOfFuel),
                _ => return Err(ExpressionError::Failed),
            },
        };
        serde_json::to_value(&value).map(Some).map_err(|_| ExpressionError::Failed)
    }
}

/// `participant.email`, `answers.Budget`, or a whole object such as `participant`.
fn known(name: &str, names: &[(&str, &[&str])]) -> bool {
    let mut parts = name.split('.');
    let (root, field) = (parts.next().unwrap_or_default(), parts.next());
    let Some((_, fields)) = names.iter().find(|(known, _)| *known == root) else { return is_built_in(root) };
    fields.is_empty() || field.is_none_or(|field| fields.contains(&field))
}

/// Functions such as `range` count as names, too.
fn is_built_in(name: &str) -> bool {
    ENVIRONMENT.globals().any(|(global, _)| global == name)
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Result<Option<Value>, ExpressionError> {
        let event = json!({
            "kind": "registered",
            "participant": { "id": "1", "first_name": "Ana", "country": "br", "phone": "+55 11 9" },
            "event": { "id": "1", "name": "Day" },
            "answers": { "Budget": "10", "T-Shirt size": "M", "Topics": ["a", "b"], "VIP": "1" },
        });
        Expression::compile(text).unwrap().value(&event)
    }

    #[test]
    fn expressions_give_typed_values() {
        for (text, expected) in [
            ("participant.country | upper", json!("BR")),
            ("participant.first_name ~ ' (' ~ event.name ~ ')'", json!("Ana (Day)")),
            ("answers['T-Shirt size']", json!("M")),
            ("answers.Budget | int * 1000", json!(10_000)),
            ("answers.VIP == '1'", json!(true)),
            ("answers.Topics | join(', ')", json!("a, b")),
            ("answers.Nothing | default('none')", json!("none")),
            ("participant.company is defined", json!(false)),
        ] {
            assert_eq!(value(text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn what_the_event_does_not_state_states_nothing() {
        for text in ["participant.company", "participant.company | upper", "session.name", "answers.No ~ 'x'", "none"] {
            assert_eq!(value(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_fails_says_so_without_the_value() {
        assert_eq!(value("answers.Budget | int // 0"), Err(ExpressionError::Failed));
        assert_eq!(value("participant.phone | int"), Err(ExpressionError::Failed));
        assert_eq!(value(&vec!["answers.Budget"; 60].join("~")), value(&format!("'{}'", "10".repeat(60))));
        assert_eq!(value(&vec!["kind"; 190].join("~")), Err(ExpressionError::OutOfFuel));
    }

    #[test]
    fn what_can_never_work_is_no_expression() {
        for text in ["participant.frist_name", "person.email", "participant.", "1 +", "{{ event.name }}", "a b"] {
            assert!(Expression::compile(text).is_err(), "{text}");
        }
        for nested in ["(", "[", "-", "not ", "1+"] {
            assert!(Expression::compile(&nested.repeat(4_000)).is_err());
            assert!(Expression::compile(&format!("{}1", nested.repeat(990 / nested.len()))).is_err() || nested != "(");
        }
    }
}

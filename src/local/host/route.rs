//! Route templates of HTTP functions: `items/{id}/{*rest}`.

/// A parsed template, without the route prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter {
        name: String,
        constraint: Option<Constraint>,
        optional: bool,
    },
    /// `{*name}`: the rest of the path, which may be empty.
    Rest(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Constraint {
    Int,
    Guid,
    Alpha,
}

/// Why a function's route can't be used. The texts are the host's own.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum RouteError {
    #[error("The specified route conflicts with one or more built in routes.")]
    BuiltIn,
    #[error("The route template '{0}' is not understood by the local host.")]
    Template(String),
}

impl Route {
    pub(super) fn parse(template: &str) -> Result<Self, RouteError> {
        let template = template.trim_matches('/');
        let lower = template.to_ascii_lowercase();
        // Not only whole segments: `administration` is refused as well.
        if lower.starts_with("admin") || lower.starts_with("runtime") {
            return Err(RouteError::BuiltIn);
        }
        let mut segments = Vec::new();
        for part in template.split('/').filter(|part| !part.is_empty()) {
            if matches!(segments.last(), Some(Segment::Rest(_))) {
                return Err(RouteError::Template(template.to_owned()));
            }
            segments.push(Segment::parse(part).ok_or_else(|| RouteError::Template(template.to_owned()))?);
        }
        Ok(Self { segments })
    }

    /// Matches the decoded segments of a path; the parameters in template order, or `None`.
    pub(super) fn match_path(&self, path: &[String]) -> Option<Vec<(String, String)>> {
        let mut parameters = Vec::new();
        let mut path = path.iter();
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => {
                    if !path.next()?.eq_ignore_ascii_case(text) {
                        return None;
                    }
                }
                Segment::Parameter { name, constraint, optional } => match path.next() {
                    Some(value) if constraint.is_none_or(|constraint| constraint.allows(value)) => {
                        parameters.push((name.clone(), value.clone()));
                    }
                    None if *optional => {}
                    _ => return None,
                },
                Segment::Rest(name) => {
                    let rest: Vec<&str> = path.by_ref().map(String::as_str).collect();
                    if !rest.is_empty() {
                        parameters.push((name.clone(), rest.join("/")));
                    }
                }
            }
        }
        path.next().is_none().then_some(parameters)
    }

    /// Smaller is tried first: a literal before a parameter before the rest, segment by segment.
    pub(super) fn precedence(&self) -> Vec<u8> {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Parameter { constraint: Some(_), .. } => 1,
            Segment::Parameter { .. } => 2,
            Segment::Rest(_) => 3,
        };
        self.segments.iter().map(rank).collect()
    }
}

impl Segment {
    fn parse(part: &str) -> Option<Self> {
        let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            return (!part.contains(['{', '}'])).then(|| Self::Literal(part.to_owned()));
        };
        if let Some(name) = inner.strip_prefix('*') {
            return is_name(name).then(|| Self::Rest(name.to_owned()));
        }
        let (inner, optional) = inner.strip_suffix('?').map_or((inner, false), |inner| (inner, true));
        let (name, constraint) = match inner.split_once(':') {
            Some((name, constraint)) => (name, Some(Constraint::parse(constraint)?)),
            None => (inner, None),
        };
        is_name(name).then(|| Self::Parameter { name: name.to_owned(), constraint, optional })
    }
}

impl Constraint {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "int" => Some(Self::Int),
            "guid" => Some(Self::Guid),
            "alpha" => Some(Self::Alpha),
            _ => None,
        }
    }

    fn allows(self, value: &str) -> bool {
        match self {
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Guid => uuid::Uuid::try_parse(value).is_ok(),
            Self::Alpha => value.chars().all(|letter| letter.is_ascii_alphabetic()),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(template: &str, path: &str) -> Option<Vec<(String, String)>> {
        let Ok(route) = Route::parse(template) else { panic!("{template}") };
        let path: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        route.match_path(&path)
    }

    fn pairs(expected: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn templates_match_as_the_router_does() {
        let cases = [
            ("health", "health", pairs(&[])),
            ("health", "Health", pairs(&[])),
            ("health", "health/x", None),
            ("items/{id}/{*rest}", "items/7/x/y z", pairs(&[("id", "7"), ("rest", "x/y z")])),
            ("items/{id}/{*rest}", "items/7", pairs(&[("id", "7")])),
            ("manage/{*path}", "manage", pairs(&[])),
            ("inevent/webhook/{source}", "inevent/webhook/a", pairs(&[("source", "a")])),
            ("inevent/webhook/{source}", "inevent/webhook", None),
            ("o/{id:int}", "o/12", pairs(&[("id", "12")])),
            ("o/{id:int}", "o/twelve", None),
            ("o/{id?}", "o", pairs(&[])),
        ];
        for (template, path, expected) in cases {
            assert_eq!(matched(template, path), expected, "{template} against {path}");
        }
    }

    #[test]
    fn routes_that_begin_like_the_hosts_own_are_refused() {
        for template in ["admin", "/admin/x", "Administration", "runtime", "runtime/webhooks"] {
            assert_eq!(Route::parse(template), Err(RouteError::BuiltIn), "{template}");
        }
    }

    #[test]
    fn a_literal_is_tried_before_a_parameter() {
        let order = |template| Route::parse(template).map(|route| route.precedence());
        assert!(order("items/new").ok() < order("items/{id}").ok());
        assert!(order("items/{id}").ok() < order("items/{*rest}").ok());
    }
}

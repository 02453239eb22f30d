//! A call as it came in: `?action=module.method` or `/api/module/method`, query attributes and body attributes.

use super::envelope::{Page, Problem, Row};
use crate::webapi::form_pairs;

/// Query attributes that belong to no action in particular.
const TRANSPORT: [&str; 11] = [
    "action",
    "tokenID",
    "limit",
    "offset",
    "paginated",
    "apiVersion",
    "appVersion",
    "version",
    "format",
    "lang",
    "timezone",
];

/// One call.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// `event.person.find`
    pub(super) action: String,
    pub(super) token: Option<String>,
    query: Vec<(String, String)>,
    body: Vec<(String, String)>,
    /// Whether query attributes may stand in the body.
    lenient: bool,
}

impl Call {
    /// Reads a call. `authorization` and `content_type` are headers, empty if they are absent.
    ///
    /// # Errors
    /// If it is neither of the two notations, or its body is no form.
    pub(super) fn read(
        path: &str,
        query: &str,
        authorization: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Self, Problem> {
        let query = form_pairs(query);
        let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let action = match path.trim_matches('/').strip_prefix("api") {
            Some(rest) if !rest.is_empty() => rest.trim_matches('/').replace('/', "."),
            _ if path.trim_matches('/').is_empty() || path.trim_matches('/') == "api" => {
                find("action").ok_or_else(|| Problem::required("action"))?
            }
            _ => return Err(Problem::missing("page")),
        };
        let bearer = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = bearer.map(|(_, token)| token.trim().to_owned()).or_else(|| find("tokenID"));
        let form = content_type.is_empty() || content_type.starts_with("application/x-www-form-urlencoded");
        let body = match std::str::from_utf8(body) {
            Ok("") => Vec::new(),
            Ok(text) if form => form_pairs(text),
            _ => return Err(Problem::not_here("a body other than a form")),
        };
        Ok(Self { action, token, query, body, lenient: false })
    }

    /// Takes query attributes in the body too, or not.
    pub(super) fn take_query_in_body(&mut self, lenient: bool) {
        self.lenient = lenient;
    }

    /// Whether errors are to be told in JSON.
    pub(super) fn wants_json(&self) -> bool {
        self.attribute("format") == Some("json")
    }

    /// A query attribute that is there and not empty.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let body = if self.lenient { self.body.as_slice() } else { &[] };
        let mut all = self.query.iter().chain(body);
        all.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.attribute(name).ok_or_else(|| Problem::required(name))
    }

    /// A query attribute that is a number, if it is there.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.attribute(name).map(|text| text.parse().map_err(|_| Problem::invalid(name))).transpose()
    }

    /// The id that a query attribute has to be.
    pub(super) fn id(&self, name: &str) -> Result<u64, Problem> {
        self.number(name)?.ok_or_else(|| Problem::required(name))
    }

    /// Whether a query attribute is `1`.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.attribute(name) == Some("1")
    }

    /// A body attribute; it may be empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.body.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A body attribute that must be there; InEvent says something else of an empty one.
    pub(super) fn required_field(&self, name: &str) -> Result<&str, Problem> {
        match self.field(name) {
            None => Err(Problem::required(name)),
            Some("") => Err(Problem::new(400, format!("{name} cannot be empty"))),
            Some(value) => Ok(value),
        }
    }

    /// Every body attribute.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.body.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// An attribute that an action with these query and body attributes does not take. `f_` stands for every API field.
    pub(super) fn foreign(&self, query: &[&str], body: &[&str]) -> Option<&str> {
        let queried = self.query.iter().map(|(name, _)| name.as_str());
        let mut foreign = queried.filter(|name| !query.contains(name) && !TRANSPORT.contains(name));
        let posted = self.body.iter().map(|(name, _)| name.as_str());
        let takes = |name: &str| {
            body.contains(&name) || query.contains(&name) || (name.starts_with("f_") && body.contains(&"f_"))
        };
        foreign.next().or_else(|| posted.into_iter().find(|name| !takes(name)))
    }

    /// First row and number of rows of the page asked for: `limit` is 20 and at most 100, unless there is no limit.
    pub(super) fn span(&self, unlimited: bool) -> Result<(usize, usize), Problem> {
        let limit = self.number("limit")?.unwrap_or(20);
        Ok((self.number("offset")?.unwrap_or(0), if unlimited { limit } else { limit.min(100) }))
    }

    /// The page asked for out of all rows.
    pub(super) fn page<T>(
        &self,
        all: impl IntoIterator<Item = T>,
        render: impl FnMut(T) -> Row,
    ) -> Result<Page, Problem> {
        let (offset, limit) = self.span(false)?;
        let all: Vec<T> = all.into_iter().collect();
        let total = all.len();
        Ok(Page { rows: all.into_iter().skip(offset).take(limit).map(render).collect(), total })
    }
}

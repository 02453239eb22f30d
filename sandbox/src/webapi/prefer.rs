//! The `Prefer` header.

use super::Request;

/// What a caller would like.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Prefer {
    pub(crate) representation: bool,
    /// Names or patterns of the annotations to include, as they were sent.
    pub(crate) annotations: Option<String>,
    pub(crate) page_size: Option<usize>,
    pub(crate) continue_on_error: bool,
    pub(crate) track_changes: bool,
}

impl Prefer {
    /// Reads the header; it may come as several lines. Preferences that mean nothing here are ignored, as HTTP asks.
    pub(crate) fn of(request: &Request) -> Self {
        let mut prefer = Self::default();
        for (_, line) in request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("prefer")) {
            for item in outside_quotes(line) {
                let (name, value) = item.split_once('=').unwrap_or((item, ""));
                let value = value.trim().trim_matches('"');
                match name.trim().to_ascii_lowercase().as_str() {
                    "return" => prefer.representation = value == "representation",
                    "odata.include-annotations" => prefer.annotations = Some(value.to_owned()),
                    "odata.maxpagesize" => prefer.page_size = value.parse().ok().filter(|size| *size > 0),
                    "odata.continue-on-error" => prefer.continue_on_error = value != "false",
                    "odata.track-changes" => prefer.track_changes = true,
                    _ => {}
                }
            }
        }
        prefer
    }

    /// Whether an annotation of this name was asked for.
    pub(crate) fn annotates(&self, name: &str) -> bool {
        self.annotations.as_ref().is_some_and(|patterns| {
            patterns.split(',').map(str::trim).any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => pattern == name,
            })
        })
    }

    /// The value of `Preference-Applied`, if any preference was.
    pub(crate) fn applied(&self, representation: bool, paged: bool) -> Option<String> {
        let mut applied = Vec::new();
        if self.representation && representation {
            applied.push("return=representation".to_owned());
        }
        if let Some(annotations) = &self.annotations {
            applied.push(format!("odata.include-annotations=\"{annotations}\""));
        }
        if let Some(size) = self.page_size.filter(|_| paged) {
            applied.push(format!("odata.maxpagesize={size}"));
        }
        (!applied.is_empty()).then(|| applied.join(","))
    }
}

/// Splits at commas that don't stand in quotes.
fn outside_quotes(line: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                items.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&line[start..]);
    items
}

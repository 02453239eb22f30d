//! FetchXML as a tree of elements.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::errors::{ApiError, ApiResult};

/// Elements nested deeper than this are refused, before the stack is.
const MAX_DEPTH: usize = 50;

/// An element with its attributes, its text and what stands in it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// An element of this name, with nothing in it.
    pub(in crate::query) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(in crate::query) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    pub(in crate::query) fn holding(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// An element with text in it.
    pub(in crate::query) fn of_text(name: &str, text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::new(name) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The text in it, without the space around it.
    pub(crate) fn text(&self) -> &str {
        self.text.trim()
    }

    pub(crate) fn children(&self) -> &[Element] {
        &self.children
    }

    /// The first child element of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The names of its attributes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }

    /// An attribute without which the element means nothing.
    pub(super) fn required(&self, name: &str) -> ApiResult<&str> {
        self.attribute(name)
            .ok_or_else(|| invalid(&format!("The attribute '{name}' is missing in the element '{}'.", self.name)))
    }

    /// A yes/no attribute.
    pub(super) fn flag(&self, name: &str) -> ApiResult<bool> {
        match self.attribute(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => {
                Err(invalid(&format!("The value '{other}' of the attribute '{name}' is neither true nor false.")))
            }
        }
    }

    /// A numeric attribute.
    pub(super) fn number(&self, name: &str) -> ApiResult<Option<usize>> {
        let Some(text) = self.attribute(name) else { return Ok(None) };
        let number = text.trim().parse::<u32>().ok().and_then(|number| usize::try_from(number).ok());
        number.map(Some).ok_or_else(|| invalid(&format!("The value '{text}' of the attribute '{name}' is no number.")))
    }

    /// The child elements of this name.
    pub(super) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::invalid_argument(format!("Invalid FetchXML: {message}"))
}

/// Parses FetchXML, or any other small XML document, into its root element.
pub(crate) fn parse_fetch(source: &str) -> ApiResult<Element> {
    let malformed = || ApiError::invalid_argument("Invalid XML.");
    let mut reader = Reader::from_str(source);
    // The elements that are open; the first one is none but holds the root.
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|_| malformed())? {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err(invalid("The elements are nested too deeply."));
                }
                open.push(element(&start).ok_or_else(malformed)?);
            }
            Event::Empty(start) => {
                let element = element(&start).ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(element);
            }
            Event::End(_) => {
                let element = open.pop().ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(element);
            }
            Event::Text(text) => {
                let text = text.xml10_content().map_err(|_| malformed())?;
                open.last_mut().ok_or_else(malformed)?.text.push_str(&text);
            }
            Event::CData(text) => {
                let text = text.xml10_content().map_err(|_| malformed())?;
                open.last_mut().ok_or_else(malformed)?.text.push_str(&text);
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|_| malformed())?;
                let character = match reference.resolve_char_ref().map_err(|_| malformed())? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name).ok_or_else(malformed)?.to_owned(),
                };
                open.last_mut().ok_or_else(malformed)?.text.push_str(&character);
            }
            Event::DocType(_) => return Err(malformed()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match <[Element; 1]>::try_from(open) {
        Ok([Element { mut children, .. }]) if children.len() == 1 => Ok(children.remove(0)),
        _ => Err(malformed()),
    }
}

fn element(start: &BytesStart<'_>) -> Option<Element> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        attributes.push((text(attribute.key.as_ref())?, value.into_owned()));
    }
    Some(Element { name: text(start.name().as_ref())?, attributes, ..Element::default() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse_fetch;

    #[test]
    fn text_and_attributes_are_unescaped() {
        let root =
            parse_fetch("<a x='1 &lt; &quot;2&quot;'><b>O&apos;Brien &amp; &#65;<![CDATA[<c>]]></b><d/></a>").unwrap();
        assert_eq!(root.attribute("x"), Some("1 < \"2\""));
        assert_eq!(root.children[0].text, "O'Brien & A<c>");
        for wrong in ["", "<a>", "<a/><b/>", "<a b>", "</a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a>&b;</a>"]
        {
            assert!(parse_fetch(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn random_text_never_panics(text in "[<>/a-c='\"&;!\\[\\]?é -]{0,60}") {
            let _ = parse_fetch(&text);
        }
    }
}

//! XML as a tree: forms, views and solution files are made of it.

use quick_xml::escape::{escape, partial_escape};

/// An element with its attributes, and either text or elements in it.
#[derive(Debug, Clone)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }

    /// An element with text in it.
    pub fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::new(name) }
    }

    /// An element with `0` or `1` in it.
    pub fn flag(name: &'static str, set: bool) -> Self {
        Self::text(name, if set { "1" } else { "0" })
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    pub fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// On one line, without declaration: what columns such as `formxml` hold.
    pub fn to_line(&self) -> String {
        let mut out = String::new();
        self.write(None, &mut out);
        out
    }

    /// As a file, indented.
    pub fn to_file(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
        self.write(Some(0), &mut out);
        out.push('\n');
        out
    }

    fn write(&self, indent: Option<usize>, out: &mut String) {
        let begin = |out: &mut String, depth: usize| out.extend(std::iter::repeat_n("  ", depth));
        if let Some(depth) = indent {
            begin(out, depth);
        }
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{}\"", escape(value.as_str())));
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str(" />");
            return;
        }
        out.push('>');
        out.push_str(&partial_escape(self.text.as_str()));
        for child in &self.children {
            if indent.is_some() {
                out.push('\n');
            }
            child.write(indent.map(|depth| depth + 1), out);
        }
        if let Some(depth) = indent.filter(|_| !self.children.is_empty()) {
            out.push('\n');
            begin(out, depth);
        }
        out.push_str(&format!("</{}>", self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_it_is_escaped() {
        let element = Element::new("a").with("b", "\"<&").holding([Element::text("c", "1 < 2 & 3"), Element::new("d")]);
        assert_eq!(element.to_line(), "<a b=\"&quot;&lt;&amp;\"><c>1 &lt; 2 &amp; 3</c><d /></a>");
        assert!(element.to_file().ends_with(">\n  <c>1 &lt; 2 &amp; 3</c>\n  <d />\n</a>\n"));
    }
}

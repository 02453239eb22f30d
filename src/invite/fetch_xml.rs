//! The query of a dynamic list, made to give ids page by page (Microsoft: "Query data using FetchXml", "Page results").

use percent_encoding::percent_decode_str;
use quick_xml::{
    Reader, Writer,
    events::{BytesEnd, BytesStart, BytesText, Event},
};
use uuid::Uuid;

use crate::dataverse::FetchCookie;

/// A query whose rows are people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleQuery {
    source: String,
    key: &'static str,
    /// It gives only the first rows by its own wish, so it has one page.
    top: bool,
}

/// Attributes of `fetch` that are set anew.
const OURS: [&[u8]; 4] = [b"count", b"page", b"paging-cookie", b"returntotalrecordcount"];

impl PeopleQuery {
    /// `table` is the logical name of the table whose rows the list holds, and `key` its primary key.
    ///
    /// # Errors
    /// When the query is none, or about something else.
    pub fn new(source: &str, table: &str, key: &'static str) -> Result<Self, &'static str> {
        let mut reader = Reader::from_str(source);
        let (mut entity, mut top) = (None, false);
        loop {
            match reader.read_event().map_err(|_| "the query is not XML")? {
                Event::Eof => break,
                Event::Start(element) | Event::Empty(element) => {
                    let value = |name: &str| {
                        let attribute = element.try_get_attribute(name).ok().flatten()?;
                        Some(String::from_utf8_lossy(&attribute.value).into_owned())
                    };
                    match element.name().as_ref() {
                        b"fetch" => {
                            top = value("top").is_some();
                            if value("aggregate").is_some_and(|flag| flag == "true" || flag == "1") {
                                return Err("the query adds up instead of naming people");
                            }
                        }
                        b"entity" => entity = entity.or(value("name")),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        if entity.as_deref() != Some(table) {
            return Err("the query is not about the kind of person that the list holds");
        }
        Ok(Self { source: source.to_owned(), key, top })
    }

    pub fn has_one_page(&self) -> bool {
        self.top
    }

    /// The query for a page of ids; with `among` only of these people.
    ///
    /// # Errors
    /// When the query is no XML.
    pub fn page(&self, number: u32, cookie: Option<&FetchCookie>, among: &[Uuid]) -> Result<String, quick_xml::Error> {
        let mut reader = Reader::from_str(&self.source);
        let mut writer = Writer::new(Vec::new());
        // How deep inside of something that is left out.
        let mut dropped = 0_usize;
        loop {
            match reader.read_event()? {
                Event::Eof => break,
                Event::Start(_) if dropped > 0 => dropped += 1,
                Event::End(_) if dropped > 0 => dropped -= 1,
                Event::Start(element) if self.leaves_out(&element) => dropped = 1,
                Event::Empty(element) if dropped > 0 || self.leaves_out(&element) => {}
                Event::Start(element) => match element.name().as_ref() {
                    b"fetch" => writer.write_event(Event::Start(self.fetch(&element, number, cookie)))?,
                    b"entity" => {
                        writer.write_event(Event::Start(element))?;
                        self.ids(&mut writer, among)?;
                    }
                    _ => writer.write_event(Event::Start(element))?,
                },
                Event::Empty(element) if element.name().as_ref() == b"entity" => {
                    writer.write_event(Event::Start(element))?;
                    self.ids(&mut writer, among)?;
                    writer.write_event(Event::End(BytesEnd::new("entity")))?;
                }
                Event::Text(_) | Event::CData(_) if dropped > 0 => {}
                Event::Decl(_) | Event::Comment(_) => {}
                event => writer.write_event(event)?,
            }
        }
        Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
    }

    /// What a page of ids has no use for. A query with `top` keeps its order, which says whose ids are the first.
    fn leaves_out(&self, element: &BytesStart<'_>) -> bool {
        match element.name().as_ref() {
            b"attribute" | b"all-attributes" => true,
            b"order" => !self.top,
            _ => false,
        }
    }

    fn fetch(&self, element: &BytesStart<'_>, number: u32, cookie: Option<&FetchCookie>) -> BytesStart<'static> {
        let mut fetch = BytesStart::new("fetch");
        let kept = element.attributes().flatten().filter(|one| !OURS.contains(&one.key.as_ref()));
        fetch.extend_attributes(kept);
        if !self.top {
            fetch.push_attribute(("count", "5000"));
            fetch.push_attribute(("page", number.to_string().as_str()));
            if let Some(cookie) = cookie.and_then(inner_cookie) {
                fetch.push_attribute(("paging-cookie", cookie.as_str()));
            }
        }
        fetch.into_owned()
    }

    /// The id, in an order that pages can follow, and whose ids are meant.
    fn ids(&self, writer: &mut Writer<Vec<u8>>, among: &[Uuid]) -> Result<(), quick_xml::Error> {
        let named = |name, attribute| BytesStart::new(name).with_attributes([(attribute, self.key)]);
        writer.write_event(Event::Empty(named("attribute", "name")))?;
        if !self.top {
            writer.write_event(Event::Empty(named("order", "attribute")))?;
        }
        if !among.is_empty() {
            writer.write_event(Event::Start(BytesStart::new("filter")))?;
            let condition = named("condition", "attribute").with_attributes([("operator", "in")]);
            writer.write_event(Event::Start(condition))?;
            for id in among {
                writer.write_event(Event::Start(BytesStart::new("value")))?;
                writer.write_event(Event::Text(BytesText::new(&id.to_string())))?;
                writer.write_event(Event::End(BytesEnd::new("value")))?;
            }
            writer.write_event(Event::End(BytesEnd::new("condition")))?;
            writer.write_event(Event::End(BytesEnd::new("filter")))?;
        }
        Ok(())
    }
}

/// What goes back of the cookie element: the value of its `pagingcookie`, which is encoded twice.
fn inner_cookie(cookie: &FetchCookie) -> Option<String> {
    let mut reader = Reader::from_str(cookie.0.as_deref()?);
    let (Ok(Event::Empty(element)) | Ok(Event::Start(element))) = reader.read_event() else { return None };
    let value = element.try_get_attribute("pagingcookie").ok().flatten()?;
    let once = percent_decode_str(std::str::from_utf8(&value.value).ok()?).decode_utf8().ok()?.into_owned();
    Some(percent_decode_str(&once).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = r#"<fetch version="1.0" count="50" distinct="true"><entity name="contact"><attribute name="fullname"/>
        <order attribute="fullname" descending="false"/><filter type="and"><condition attribute="address1_city" operator="eq" value="K&#246;ln &amp; more"/></filter>
        <link-entity name="account" from="accountid" to="parentcustomerid"><attribute name="name"/></link-entity></entity></fetch>"#;

    #[test]
    fn a_query_gives_ids_page_by_page_and_keeps_its_conditions() {
        let query = PeopleQuery::new(QUERY, "contact", "contactid").unwrap();
        let cookie = FetchCookie(Some(
            r#"<cookie pagenumber="2" pagingcookie="%253ccookie%2520page%253d%25221%2522%253e%253c%252fcookie%253e" istracking="False" />"#.into(),
        ));
        let page = query.page(2, Some(&cookie), &[Uuid::nil()]).unwrap();
        for part in [
            r#"version="1.0""#,
            r#"distinct="true""#,
            r#"count="5000" page="2""#,
            r#"paging-cookie="&lt;cookie page=&quot;1&quot;&gt;&lt;/cookie&gt;""#,
            r#"<attribute name="contactid"/><order attribute="contactid"/><filter><condition attribute="contactid" operator="in"><value>00000000-"#,
            r#"value="K&#246;ln &amp; more""#,
            "<link-entity",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("fullname") && !page.contains(r#"name="name""#) && !page.contains(r#"count="50""#));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for bad in [
            "",
            "<fetch",
            "<fetch><entity name='lead'/></fetch>",
            "<fetch aggregate='true'><entity name='contact'><attribute name='contactid' aggregate='count' alias='n'/></entity></fetch>",
        ] {
            assert!(PeopleQuery::new(bad, "contact", "contactid").is_err(), "{bad}");
        }
        let bare = PeopleQuery::new("<fetch><entity name='contact'/></fetch>", "contact", "contactid").unwrap();
        assert!(bare.page(1, None, &[]).unwrap().contains("<entity name='contact'><attribute name=\"contactid\"/>"));
        let top = PeopleQuery::new("<fetch top='3'><entity name='contact'/></fetch>", "contact", "contactid").unwrap();
        assert!(top.has_one_page() && !top.page(1, None, &[]).unwrap().contains("count="));
    }
}

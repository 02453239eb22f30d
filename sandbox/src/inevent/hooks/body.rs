//! The body of a delivery.

use serde_json::{Map, Value as Json};

use super::Trigger;
use super::settings::{Settings, Shape};
use crate::inevent::envelope::Row;

/// What a delivery is about: the ids, and the rows that tell more.
#[derive(Debug, Default)]
pub(in crate::inevent) struct Subject {
    /// Ids and time.
    pub(in crate::inevent) ids: Row,
    /// The person, activity or event.
    pub(in crate::inevent) details: Row,
}

/// Content type and body.
pub(super) fn body(trigger: Trigger, subject: &Subject, settings: &Settings) -> (&'static str, String) {
    let mut top = Map::new();
    if !settings.type_field.is_empty() {
        top.insert(settings.type_field.clone(), Json::String(settings.literal(trigger)));
    }
    // What the ids say the details need not say again.
    let content = |rows: &[&Row]| {
        let mut members = Map::new();
        for (name, value) in rows.iter().flat_map(|row| row.members()) {
            let number = settings.ids_as_numbers && name.ends_with("ID");
            let id = number.then(|| value.as_str()?.parse::<u64>().ok()).flatten();
            members.entry(name).or_insert_with(|| id.map_or_else(|| value.clone(), Json::from));
        }
        members
    };
    match settings.body {
        Shape::Thin => top.extend(content(&[&subject.ids])),
        Shape::Rich | Shape::Form => top.extend(content(&[&subject.ids, &subject.details])),
        Shape::Nested => {
            top.insert(settings.data_key.clone(), Json::Object(content(&[&subject.ids, &subject.details])));
        }
    }
    if settings.body == Shape::Form {
        return ("application/x-www-form-urlencoded", form(&top));
    }
    ("application/json", Json::Object(top).to_string())
}

/// The members as a form; what is no text is written as JSON.
fn form(members: &Map<String, Json>) -> String {
    let pairs = members.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", crate::webapi::encode(name), crate::webapi::encode(&text))
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::{Settings, Shape, Subject, Trigger, body};
    use crate::inevent::envelope::row;

    #[test]
    fn each_shape_has_its_body() {
        let subject = Subject {
            ids: row([("eventID", "1".into()), ("personID", "2".into())]),
            details: row([("name", "Ana & Co".into())]),
        };
        let said = |shape, ids_as_numbers, data_key: &str| {
            let settings = Settings { body: shape, ids_as_numbers, data_key: data_key.into(), ..Settings::default() };
            body(Trigger::EventEnrollment, &subject, &settings).1
        };
        assert_eq!(said(Shape::Thin, false, ""), r#"{"type":"event_enrollment","eventID":"1","personID":"2"}"#);
        assert_eq!(
            said(Shape::Rich, true, ""),
            r#"{"type":"event_enrollment","eventID":1,"personID":2,"name":"Ana & Co"}"#
        );
        assert_eq!(
            said(Shape::Nested, false, "Data"),
            r#"{"type":"event_enrollment","Data":{"eventID":"1","personID":"2","name":"Ana & Co"}}"#
        );
        assert_eq!(said(Shape::Form, false, ""), "type=event_enrollment&eventID=1&personID=2&name=Ana%20%26%20Co");
    }
}

//! Objects as answers and webhooks have them. Fields that nobody has published are guesses, listed in `ASSUMPTIONS.md`.

use serde_json::Value as Json;

use super::envelope::{Row, flag, row};
use super::model::{Activity, Admission, Attendee, COMPANY, Enrolment, Event, Invite, PROFILE, Tag};
use super::variants::{AnswerShape, Variants};

/// Texts that a list of people has without `fullProfile`.
const SHORT: [&str; 6] = ["username", "email", "role", "company", "telephone", "language"];

/// A person of an event; `full` adds the whole profile and the answers.
pub(super) fn attendee(event: &Event, person: &Attendee, full: bool, variants: &Variants) -> Row {
    let name = person.profile.name();
    let mut row = row([
        ("personID", person.id.to_string()),
        ("eventID", event.id.to_string()),
        ("name", name.clone()),
        ("personName", name),
        ("firstName", person.profile.get("firstName").to_owned()),
        ("lastName", person.profile.get("lastName").to_owned()),
        ("locationCity", person.profile.get("city").to_owned()),
        ("locationCountry", person.profile.get("country").to_owned()),
        ("level", person.level.clone()),
        ("approved", flag(person.admission == Admission::Approved)),
        ("present", flag(person.present)),
        ("enrollmentDate", person.enrolled.to_string()),
    ]);
    if !variants.no_date_updated {
        row.push("dateUpdated", person.updated.to_string());
    }
    for name in SHORT {
        row.push(name, person.profile.get(name));
    }
    if !full {
        return row;
    }
    for name in PROFILE {
        if !matches!(name, "firstName" | "lastName" | "city" | "country") && !SHORT.contains(&name) {
            row.push(name, person.profile.get(name));
        }
    }
    row.push("qrCode", person.qr_code());
    row.push("private", flag(person.private));
    row.push("speaker", flag(person.speaker));
    row.push("rsvp", person.rsvp.map(flag).unwrap_or_default());
    row.push("tagIDs", ids(&person.tags));
    let answers = event.questions.iter().map(|(id, question)| {
        let value = person.answers.get(id).map(|answer| answer.value.clone()).unwrap_or_default();
        (id, question, value)
    });
    match variants.answers {
        AnswerShape::Keys => {
            answers.for_each(|(_, question, value)| row.push(question.api_field.clone(), value));
        }
        AnswerShape::List => {
            let list = answers.map(|(id, question, value)| {
                let texts = [("feedbackID", id.to_string()), ("text", question.text.clone()), ("value", value)];
                Json::Object(texts.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect())
            });
            let list = Json::Array(list.collect());
            row.push("feedback", list);
        }
        AnswerShape::Apart => {}
    }
    row
}

/// Somebody who waits to be let in, or was not.
pub(super) fn applicant(event: &Event, person: &Attendee, variants: &Variants) -> Row {
    let mut row = attendee(event, person, true, variants);
    let status = match person.admission {
        Admission::Pending => "pending",
        Admission::Approved => "approved",
        Admission::Rejected => "rejected",
    };
    row.push("status", status);
    row.push("waitlist", flag(person.waitlist));
    row
}

pub(super) fn event(event: &Event) -> Row {
    row([
        ("eventID", event.id.to_string()),
        ("companyID", COMPANY.to_string()),
        ("name", event.name.clone()),
        ("nickname", event.nickname.clone()),
        ("description", event.description.clone()),
        ("city", event.city.clone()),
        ("dateCreated", event.created.to_string()),
        ("dateBegin", event.begin.to_string()),
        ("dateEnd", event.end.to_string()),
        ("archived", flag(event.archived)),
    ])
}

pub(super) fn activity(event: u64, id: u64, activity: &Activity) -> Row {
    row([
        ("activityID", id.to_string()),
        ("eventID", event.to_string()),
        ("name", activity.name.clone()),
        ("description", activity.description.clone()),
        ("location", activity.location.clone()),
        ("dateBegin", activity.begin.to_string()),
        ("dateEnd", activity.end.to_string()),
        ("capacity", activity.capacity.clone()),
        ("tagIDs", ids(&activity.tags)),
    ])
}

/// A person in an activity.
pub(super) fn enrolment(event: &Event, activity: u64, person: u64, enrolment: &Enrolment) -> Row {
    let profile = event.people.get(&person).map(|person| person.profile.clone()).unwrap_or_default();
    row([
        ("personID", person.to_string()),
        ("activityID", activity.to_string()),
        ("eventID", event.id.to_string()),
        ("name", profile.name()),
        ("email", profile.get("email").to_owned()),
        ("present", flag(enrolment.present)),
        ("enrollmentDate", enrolment.at.to_string()),
    ])
}

/// An invitation, and whether the person has registered meanwhile.
pub(super) fn invite(event: &Event, person: u64, invite: &Invite) -> Row {
    row([
        ("personID", person.to_string()),
        ("eventID", event.id.to_string()),
        ("email", invite.email.clone()),
        ("name", invite.name.clone()),
        ("company", invite.company.clone()),
        ("rsvp", invite.rsvp.map(flag).unwrap_or_default()),
        ("registered", flag(event.people.contains_key(&person))),
        ("link", format!("https://inevent.example/{}/invite/{person}", event.id)),
        ("date", invite.at.to_string()),
    ])
}

pub(super) fn tag(id: u64, tag: &Tag) -> Row {
    row([
        ("tagID", id.to_string()),
        ("eventID", tag.event.map(|event| event.to_string()).unwrap_or_default()),
        ("name", tag.name.clone()),
        ("color", tag.color.clone()),
    ])
}

/// Ids separated by commas, as in requests.
fn ids(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

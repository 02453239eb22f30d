//! How InEvent's webhooks say what happened. Their bodies are not published: neither the field nor the words.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Document, Problem};

/// How InEvent's webhooks are understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InEvent {
    /// The fields of a webhook's body that may say what happened, the likeliest first. Where the webhook's URL says it
    /// (`&trigger=event-enrollment`, as `inevent-d365 inevent webhooks register` writes it), no body is asked.
    pub trigger_fields: Vec<String>,
    /// What stands there, compared without case and without anything but letters and digits, and what is meant by it.
    /// `inevent-d365 inevent learn` proposes this table.
    pub triggers: BTreeMap<String, Trigger>,
}

impl Default for InEvent {
    fn default() -> Self {
        let fields = ["trigger", "type", "event", "eventType", "webhookType", "action", "hook", "topic", "name"];
        Self { trigger_fields: fields.map(str::to_owned).into(), triggers: BTreeMap::new() }
    }
}

/// What a webhook tells of: the headings of InEvent's article "Webhook events".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    EventCreated,
    EventEdited,
    /// Somebody was put on the event's list.
    EventEnrollment,
    EventEnrollmentUpdate,
    /// Somebody was taken off the event's list.
    EventDismissal,
    EventCheckIn,
    EventCheckOut,
    EventEnd,
    ActivityCreated,
    ActivityEdited,
    ActivityRemoved,
    ActivityEnrollment,
    ActivityDismissal,
    ActivityCheckIn,
    ActivityCheckOut,
    SpeakerCreated,
    SpeakerEdited,
    SpeakerRemoved,
}

impl Trigger {
    pub const ALL: [Self; 18] = [
        Self::EventCreated,
        Self::EventEdited,
        Self::EventEnrollment,
        Self::EventEnrollmentUpdate,
        Self::EventDismissal,
        Self::EventCheckIn,
        Self::EventCheckOut,
        Self::EventEnd,
        Self::ActivityCreated,
        Self::ActivityEdited,
        Self::ActivityRemoved,
        Self::ActivityEnrollment,
        Self::ActivityDismissal,
        Self::ActivityCheckIn,
        Self::ActivityCheckOut,
        Self::SpeakerCreated,
        Self::SpeakerEdited,
        Self::SpeakerRemoved,
    ];

    /// As it stands in the settings and in a webhook's URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventCreated => "event-created",
            Self::EventEdited => "event-edited",
            Self::EventEnrollment => "event-enrollment",
            Self::EventEnrollmentUpdate => "event-enrollment-update",
            Self::EventDismissal => "event-dismissal",
            Self::EventCheckIn => "event-check-in",
            Self::EventCheckOut => "event-check-out",
            Self::EventEnd => "event-end",
            Self::ActivityCreated => "activity-created",
            Self::ActivityEdited => "activity-edited",
            Self::ActivityRemoved => "activity-removed",
            Self::ActivityEnrollment => "activity-enrollment",
            Self::ActivityDismissal => "activity-dismissal",
            Self::ActivityCheckIn => "activity-check-in",
            Self::ActivityCheckOut => "activity-check-out",
            Self::SpeakerCreated => "speaker-created",
            Self::SpeakerEdited => "speaker-edited",
            Self::SpeakerRemoved => "speaker-removed",
        }
    }

    /// Whether it says something about a participant, or ends an event. The others tell of names and times at most.
    pub fn concerns_participants(self) -> bool {
        self.is_about_a_person() || self == Self::EventEnd
    }

    /// Whether it says something about one participant.
    pub fn is_about_a_person(self) -> bool {
        use Trigger::*;
        matches!(
            self,
            EventEnrollment
                | EventEnrollmentUpdate
                | EventDismissal
                | EventCheckIn
                | EventCheckOut
                | ActivityEnrollment
                | ActivityDismissal
                | ActivityCheckIn
                | ActivityCheckOut
        )
    }

    /// Whether it is about a session.
    pub fn is_about_an_activity(self) -> bool {
        self.name().starts_with("activity-")
    }

    /// Spellings that InEvent may use, beside the name itself; letters and digits only.
    fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::EventCreated => &["eventcreate", "createevent"],
            Self::EventEdited => &["eventedit", "eventupdate", "eventupdated"],
            Self::EventEnrollment => {
                &["eventenrolment", "eventpersonbind", "eventpersoncreated", "eventregistration", "enrollment"]
            }
            Self::EventEnrollmentUpdate => &[
                "eventenrolmentupdate",
                "eventenrollmentupdated",
                "eventpersonoperate",
                "eventpersonupdated",
                "enrollmentupdate",
            ],
            Self::EventDismissal => &["eventdismiss", "eventpersondismiss", "eventpersonremoved", "eventcancellation"],
            Self::EventCheckIn => &[
                "personchecksintotheevent",
                "personchecksintoevent",
                "personcheckin",
                "checkin",
                "checklogcheckin",
                "eventcheckedin",
                "eventpersoncheckin",
            ],
            Self::EventCheckOut => &[
                "personchecksoutoftheevent",
                "personchecksoutofevent",
                "personcheckout",
                "checkout",
                "checklogcheckout",
                "eventcheckedout",
                "eventpersoncheckout",
            ],
            Self::EventEnd => &["endofevent", "eventended", "eventends", "eventfinished"],
            Self::ActivityCreated => &["activitycreate"],
            Self::ActivityEdited => &["activityedit", "activityupdate", "activityupdated"],
            Self::ActivityRemoved => &["activityremove", "activitydeleted"],
            Self::ActivityEnrollment => &["activityenrolment", "activitypersonbind", "activitypersoncreated"],
            Self::ActivityDismissal => &["activitydismiss", "activitypersondismiss", "activitypersonremoved"],
            Self::ActivityCheckIn => &[
                "personchecksintoanactivity",
                "personchecksintoactivity",
                "activitycheckedin",
                "activitypersoncheckin",
            ],
            Self::ActivityCheckOut => &[
                "personchecksoutofanactivity",
                "personchecksoutofactivity",
                "activitycheckedout",
                "activitypersoncheckout",
            ],
            Self::SpeakerCreated => &["speakercreate"],
            Self::SpeakerEdited => &["speakeredit", "speakerupdated"],
            Self::SpeakerRemoved => &["speakerremove", "speakerdeleted"],
        }
    }
}

impl InEvent {
    /// What a literal means: by the table, else by the spellings that InEvent may use.
    pub fn trigger(&self, literal: &str) -> Option<Trigger> {
        let plain = plain(literal);
        if plain.is_empty() {
            return None;
        }
        let told = self.triggers.iter().find(|(known, _)| self::plain(known) == plain).map(|(_, trigger)| *trigger);
        let spelled =
            |trigger: &Trigger| self::plain(trigger.name()) == plain || trigger.spellings().contains(&plain.as_str());
        told.or_else(|| Trigger::ALL.into_iter().find(spelled))
    }
}

/// Letters and digits, in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(100).collect()
}

pub(super) fn check(document: &Document, problems: &mut Vec<Problem>) {
    let inevent = &document.inevent;
    for (index, field) in inevent.trigger_fields.iter().enumerate() {
        if field.trim().is_empty() {
            let place = format!("inevent.trigger_fields[{index}]");
            problems.push(Problem::new(place, "names no field", "Write the field's name, or leave it out."));
        }
    }
    for literal in inevent.triggers.keys() {
        let alike = inevent.triggers.keys().filter(|other| plain(other) == plain(literal)).count();
        let problem = match (plain(literal).is_empty(), alike) {
            (true, _) => "says nothing",
            (false, 2..) => "stands there twice, spelled differently",
            _ => continue,
        };
        problems.push(Problem::new(
            format!("inevent.triggers.{literal}"),
            problem,
            "Keep one entry for each word that InEvent sends.",
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_those_of_the_settings_and_no_spelling_means_two_things() {
        let mut spellings = BTreeSet::new();
        for trigger in Trigger::ALL {
            assert_eq!(serde_json::json!(trigger), trigger.name());
            for spelling in [plain(trigger.name()).as_str()].iter().chain(trigger.spellings()) {
                assert_eq!(plain(spelling), **spelling);
                assert!(spellings.insert((*spelling).to_owned()), "{spelling}");
            }
        }
    }

    #[test]
    fn literals_are_known_however_they_are_spelled_and_the_table_goes_first() {
        let mut inevent = InEvent::default();
        for (literal, expected) in [
            ("event_enrollment", Some(Trigger::EventEnrollment)),
            ("Event enrollment update", Some(Trigger::EventEnrollmentUpdate)),
            ("eventPersonDismiss", Some(Trigger::EventDismissal)),
            ("End of Event", Some(Trigger::EventEnd)),
            ("PERSON CHECKS INTO AN ACTIVITY", Some(Trigger::ActivityCheckIn)),
            ("ticket.sold", None),
            ("", None),
            ("--", None),
        ] {
            assert_eq!(inevent.trigger(literal), expected, "{literal}");
        }
        inevent.triggers =
            [("ticket.sold".to_owned(), Trigger::EventEnrollment), ("checkin".to_owned(), Trigger::EventEnd)].into();
        assert_eq!(inevent.trigger("TICKET SOLD"), Some(Trigger::EventEnrollment));
        assert_eq!(inevent.trigger("check-in"), Some(Trigger::EventEnd));
    }
}

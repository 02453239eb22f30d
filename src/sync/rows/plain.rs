//! Attendance in an appointment or phone call: these tables have no columns for it, so it stands at the end of the description, for
//! people to read and, in its last line, for the connector. What people write above it is left alone.

use super::{
    Names,
    activity::Shown,
    attendance::{Details, RowKey},
};
use crate::{
    dataverse::Columns,
    model::{
        attendance::{self, State},
        presence::Presence,
    },
};

/// From here on the description is the connector's.
const MARK: &str = "--- InEvent, kept up to date by the connector ---";
const EVENT: &str = "Event: ";
const SESSION: &str = "Session: ";
const PARTICIPANT: &str = "Participant: ";
const STATE: &str = "State: ";

/// The longest name that is kept, in characters, and how many check-ins and check-outs: a phone call's description holds 2,000.
pub const MAX_NAME: usize = 100;
const MAX_TIMES: usize = 12;

/// What a description keeps.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    pub state: State,
    pub details: Details,
    /// The names of event and session, as the columns of the connector's own table.
    pub names: Columns,
}

/// The whole description: what people wrote in it, and the state.
pub fn write(shown: &Shown<'_>) -> String {
    let outcome = shown.state.outcome();
    let presence = shown.state.presence.clone().bounded(MAX_TIMES);
    let state = [
        shown.state.registration.map(attendance::print_registration).unwrap_or_default(),
        presence.to_string(),
        shown.state.score.map(attendance::print_score).unwrap_or_default(),
        shown.details.to_string(),
    ];
    let session = shown.key.session.as_ref().map(|id| (SESSION, shown.session_name.unwrap_or_default(), id));
    let named = [Some((EVENT, shown.event_name.unwrap_or_default(), &shown.key.event)), session];
    let mut lines = vec![MARK.to_owned()];
    lines.extend(named.into_iter().flatten().map(|(label, name, id)| format!("{label}{name} ({id})")));
    lines.push(format!("{PARTICIPANT}{}", shown.key.participant));
    lines.push(format!("Status: {}", outcome.word()));
    lines.extend(outcome.score.map(|score| format!("Score: {}", super::attendance::points(score))));
    lines.push(format!("{STATE}{}", state.join("|")));
    let written = shown.description.split(MARK).next().unwrap_or_default().trim_end();
    let above = if written.is_empty() { String::new() } else { format!("{written}\n") };
    above + &lines.join("\n")
}

/// Reads a description; what does not parse counts as never stated.
pub fn read(description: &str, key: &RowKey, names: &Names) -> Kept {
    let mut kept = Kept::default();
    let ours = description.split_once(MARK).map_or("", |(_, ours)| ours);
    for line in ours.lines() {
        let name = |rest: &str, id: &str| {
            let name = rest.strip_suffix(&format!(" ({id})"))?;
            (!name.is_empty()).then(|| name.to_owned())
        };
        if let Some(name) = line.strip_prefix(EVENT).and_then(|rest| name(rest, &key.event)) {
            kept.names.insert(names.event_name.to_owned(), name.into());
        } else if let Some(name) =
            line.strip_prefix(SESSION).zip(key.session.as_deref()).and_then(|(rest, id)| name(rest, id))
        {
            kept.names.insert(names.session_name.to_owned(), name.into());
        } else if let Some(state) = line.strip_prefix(STATE) {
            let mut parts = state.split('|');
            let mut next = || parts.next().unwrap_or_default();
            kept.state.registration = attendance::parse_registration(next());
            kept.state.presence = Presence::parse(next());
            kept.state.score = attendance::parse_score(next());
            kept.details = Details::parse(next());
        }
    }
    kept
}

/// The participant whom a description names.
pub fn participant(description: &str) -> Option<&str> {
    description.split_once(MARK)?.1.lines().find_map(|line| line.strip_prefix(PARTICIPANT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{SourceTime, event::Registration, stamp::Cell},
        settings::document::Template,
    };

    #[test]
    fn a_description_keeps_the_state_and_what_people_wrote() {
        let key = RowKey { event: "4711".into(), participant: "1".into(), session: Some("s (1)".into()) };
        let time = |second: u64| SourceTime::from_digits(&format!("{:019}", second * 1_000_000_000)).unwrap();
        let mut state = State { registration: Some(Cell::new(time(9), Registration::Cancelled)), ..State::default() };
        state.join_score(time(3), 12.5);
        state.presence = Presence::parse(&format!("in:{} out:{} over", time(1).digits(), time(2).digits()));
        let mut details = Details { ends: Some(time(7)), ..Details::default() };
        details.ledger.offer("address", time(1), "a@x.example");
        let subject = Template::subject();
        let write = |description: &str| {
            let (event_name, session_name) = (Some("Day (one)"), None);
            write(&Shown {
                key: &key,
                state: &state,
                details: &details,
                event_name,
                session_name,
                subject: &subject,
                description,
            })
        };
        let first = write("Ring back!");
        assert!(first.starts_with("Ring back!\n--- InEvent"), "{first}");
        assert_eq!(write(&first), first);
        assert_eq!(write(&first.replace('\n', "\r\n")).lines().count(), first.lines().count());
        let kept = read(&first, &key, <&Names>::default());
        assert_eq!((kept.state, kept.details), (state.clone(), details.clone()));
        assert_eq!(kept.names.get("new_eventname").unwrap(), "Day (one)");
        assert_eq!(participant(&first), Some("1"));
        assert!(!kept.names.contains_key("new_sessionname"));
        assert_eq!(read("State: nothing of ours", &key, <&Names>::default()), Kept::default());
    }
}

//! The event that `local` plays: a conference with two sessions and three dozen participants, whose deliveries arrive the way real
//! ones do: late, doubled, out of order.

use jiff::{Span, Timestamp};
use serde_json::{Value, json};

/// Deliveries that belong together, as one request each.
#[derive(Debug, Clone)]
pub struct Scene {
    pub caption: &'static str,
    /// Each is an event or an array of events.
    pub deliveries: Vec<Value>,
}

/// Contacts of the sandbox's CRM.
const CONTACTS: [(&str, &str, &str); 12] = [
    ("Ana", "Silva", "ana.silva@contoso.example"),
    ("Bruno", "Costa", "bruno.costa@contoso.example"),
    ("Carla", "Mendes", "carla.mendes@contoso.example"),
    ("David", "Klein", "david.klein@fabrikam.example"),
    ("Eva", "Schneider", "eva.schneider@fabrikam.example"),
    ("Felix", "Braun", "felix.braun@fabrikam.example"),
    ("Grace", "Mori", "grace.mori@northwind.example"),
    ("Hiro", "Sato", "hiro.sato@northwind.example"),
    ("Irene", "O'Neill", "irene.o'neill@adventure-works.example"),
    ("Jack", "Turner", "jack.turner+events@adventure-works.example"),
    ("Liam", "Walsh", "liam.walsh@tailspin.example"),
    ("Pedro", "Alves", "pedro.alves@wingtip.example"),
];

/// Open leads of the sandbox's CRM.
const LEADS: [(&str, &str, &str); 6] = [
    ("Amir", "Haddad", "amir.haddad@litware.example"),
    ("Beatriz", "Lopes", "beatriz.lopes@proseware.example"),
    ("Chen", "Wei", "chen.wei@lucerne.example"),
    ("Dora", "Fischer", "dora.fischer@margies.example"),
    ("Hanna", "Virtanen", "hanna.virtanen@blueyonder.example"),
    ("Julia", "Rossi", "julia.rossi@fourthcoffee.example"),
];

/// Nobody the CRM knows.
const STRANGERS: [(&str, &str, &str); 16] = [
    ("Sofia", "Marino", "sofia.marino@adatum.example"),
    ("Tomás", "Ferreira", "tomas.ferreira@adatum.example"),
    ("Ursula", "Weber", "ursula.weber@relecloud.example"),
    ("Victor", "Nguyen", "victor.nguyen@relecloud.example"),
    ("Wanda", "Kowalska", "wanda.kowalska@fincher.example"),
    ("Xavier", "Dubois", "xavier.dubois@fincher.example"),
    ("Yara", "Haddad", "yara.haddad@nod.example"),
    ("Zoë", "Janssen", "zoe.janssen@nod.example"),
    ("Arjun", "Patel", "arjun.patel@vanarsdel.example"),
    ("Bianca", "Moretti", "bianca.moretti@vanarsdel.example"),
    ("Cyril", "Okafor", "cyril.okafor@woodgrove.example"),
    ("Delia", "Popescu", "delia.popescu@woodgrove.example"),
    ("Elif", "Yılmaz", "elif.yilmaz@munson.example"),
    ("Finn", "Olsen", "finn.olsen@munson.example"),
    ("Greta", "Lindqvist", "greta.lindqvist@lamna.example"),
    ("Hugo", "Castillo", "hugo.castillo@lamna.example"),
];

const EVENT: &str = "2026-summit";
const KEYNOTE: &str = "keynote";
const WORKSHOP: &str = "workshop";

struct Author {
    /// When the doors open.
    doors: Timestamp,
    written: u32,
}

/// The story, told as of `now`: the conference was yesterday.
pub fn story(now: Timestamp) -> Vec<Scene> {
    let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut author = Author { doors: minus(second, Span::new().hours(26)), written: 0 };
    let days = |count: i64| -count * 24 * 60;
    let everybody: Vec<usize> = (0..CONTACTS.len() + LEADS.len() + STRANGERS.len()).collect();

    let registrations: Vec<Value> =
        everybody.iter().map(|who| author.registered(*who, days(20) + *who as i64)).collect();
    let keynote: Vec<Value> = everybody
        .iter()
        .filter(|who| *who % 3 != 2)
        .map(|who| author.session("session_enrolled", *who, days(10), KEYNOTE))
        .collect();
    let workshop: Vec<Value> = everybody
        .iter()
        .filter(|who| *who % 4 == 0)
        .map(|who| author.session("session_enrolled", *who, days(9), WORKSHOP))
        .collect();
    let arrivals: Vec<usize> = everybody.iter().copied().filter(|who| who % 5 != 4 && *who != 7).collect();
    let check_ins: Vec<Value> = arrivals.iter().map(|who| author.event("checked_in", *who, *who as i64)).collect();
    let at_keynote: Vec<Value> = arrivals
        .iter()
        .filter(|who| *who % 3 != 2)
        .map(|who| author.session("checked_in", *who, 60 + *who as i64 % 9, KEYNOTE))
        .collect();
    let at_workshop: Vec<Value> = arrivals
        .iter()
        .filter(|who| *who % 4 == 0)
        .map(|who| author.session("checked_in", *who, 180, WORKSHOP))
        .collect();
    let leaving: Vec<Value> = arrivals
        .iter()
        .filter(|who| *who % 2 == 0)
        .map(|who| author.event("checked_out", *who, 420 + *who as i64))
        .collect();
    let scores: Vec<Value> =
        arrivals.iter().map(|who| author.scored(*who, 500, 40.0 + (*who as f64 * 7.25) % 60.0)).collect();

    let mut respelled = author.event("updated", CONTACTS.len() + LEADS.len(), days(12));
    respelled["participant"]["email"] = " Sofia.MARINO@Adatum.example".into();
    respelled["answers"] = json!({ "Budget": "50,000 to 100,000" });
    let promoted = {
        let mut event = author.event("updated", 3, days(5));
        event["participant"]["job_title"] = "Chief Executive Officer".into();
        event
    };
    let cancelled = author.event("cancelled", 7, days(2));
    let taken_back = author.event("check_in_taken_back", 1, 30);
    let late = author.event("checked_in", 4, 95);
    let latecomer = author.registered(34 - 1, days(1));

    vec![
        Scene {
            caption: "Registrations come in: contacts, leads, and people nobody knows",
            deliveries: vec![registrations.clone().into()],
        },
        Scene {
            caption: "One address is spelled twice; a question is answered; a title changes",
            deliveries: vec![respelled, promoted],
        },
        Scene { caption: "They enrol in two sessions", deliveries: vec![keynote.into(), workshop.into()] },
        Scene { caption: "One cancels", deliveries: vec![cancelled] },
        Scene {
            caption: "Doors open: check-ins, in the order the network likes",
            deliveries: vec![check_ins.iter().rev().cloned().collect()],
        },
        Scene { caption: "A check-in is taken back", deliveries: vec![taken_back] },
        Scene { caption: "The sessions fill", deliveries: vec![at_workshop.into(), at_keynote.into()] },
        Scene { caption: "A delivery comes twice, weeks old", deliveries: vec![registrations.into()] },
        Scene { caption: "People leave; engagement is scored", deliveries: vec![scores.into(), leaving.into()] },
        Scene { caption: "The event is over", deliveries: vec![author.closed(600)] },
        Scene { caption: "A late check-in, and a registration that took its time", deliveries: vec![late, latecomer] },
    ]
}

impl Author {
    fn event(&mut self, kind: &str, who: usize, minute: i64) -> Value {
        self.written += 1;
        json!({
            "id": format!("s-{:04}", self.written),
            "time": self.at(minute).to_string(),
            "kind": kind,
            "event": self.occasion(EVENT, "Customer Summit 2026", 0, 540),
            "participant": participant(who),
        })
    }

    fn registered(&mut self, who: usize, minute: i64) -> Value {
        self.event("registered", who, minute)
    }

    fn session(&mut self, kind: &str, who: usize, minute: i64, session: &str) -> Value {
        let mut event = self.event(kind, who, minute);
        event["session"] = match session {
            KEYNOTE => self.occasion(KEYNOTE, "Keynote: what customers expect", 60, 120),
            _ => self.occasion(WORKSHOP, "Workshop: from event to pipeline", 180, 270),
        };
        event
    }

    fn scored(&mut self, who: usize, minute: i64, score: f64) -> Value {
        let mut event = self.event("scored", who, minute);
        event["score"] = score.into();
        event
    }

    fn closed(&mut self, minute: i64) -> Value {
        let mut event = self.event("event_closed", 0, minute);
        event.as_object_mut().map(|event| event.remove("participant"));
        event
    }

    fn occasion(&self, id: &str, name: &str, begin: i64, end: i64) -> Value {
        json!({ "id": id, "name": name, "begin": self.at(begin).to_string(), "end": self.at(end).to_string() })
    }

    /// Minutes after the doors open.
    fn at(&self, minute: i64) -> Timestamp {
        minus(self.doors, Span::new().minutes(-minute))
    }
}

/// Far from the ends of time, where the subtraction would fail.
fn minus(time: Timestamp, span: Span) -> Timestamp {
    time.checked_sub(span).unwrap_or(time)
}

/// First name, last name and address of everybody: contacts, leads, and people whom the CRM did not know before.
/// Whom the sandbox's CRM has as contacts: first name, last name, address.
pub(super) fn contacts() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    CONTACTS.iter().copied()
}

pub(super) fn people() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> + Clone {
    CONTACTS.iter().chain(&LEADS).chain(&STRANGERS).copied()
}

fn participant(who: usize) -> Value {
    let (first, last, email) = people().cycle().nth(who).unwrap_or_default();
    let stranger = who >= CONTACTS.len() + LEADS.len();
    let mut participant =
        json!({ "id": (7_000 + who).to_string(), "first_name": first, "last_name": last, "email": email });
    if stranger {
        let company = email.split(['@', '.']).nth(2).unwrap_or_default();
        let mut letters = company.chars();
        let company: String = letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect();
        participant["company"] = company.into();
        participant["job_title"] = ["Event Manager", "Head of Sales", "Consultant"][who % 3].into();
        participant["country"] = ["Portugal", "Germany", "Brazil", "Sweden"][who % 4].into();
        participant["phone"] = format!("+351 555 01{who:02}").into();
    }
    participant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::validate;

    #[test]
    fn every_event_of_the_story_is_one_that_the_connector_takes() {
        let now: Timestamp = "2026-05-13T12:00:00Z".parse().unwrap();
        let mut told = 0;
        for scene in story(now) {
            for delivery in &scene.deliveries {
                let events = delivery.as_array().cloned().unwrap_or_else(|| vec![delivery.clone()]);
                for event in events {
                    assert_eq!(validate::read(&event, now).err(), None, "{event}");
                    told += 1;
                }
            }
        }
        assert!(told > 150);
    }
}

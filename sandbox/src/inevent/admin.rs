//! The admin API under `/__admin/`: for tests and scripts, no part of InEvent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::actions::check_entry;
use super::envelope::Problem;
use super::hooks::Trigger;
use super::model::{Event, Generate, MailKind, Quiz, Watched};
use super::rows;
use super::state::State;
use crate::admin::{Fault, FaultKind};
use crate::webapi::form_pairs;

/// An answer: status and JSON text.
type Answer = (u16, String);

/// `{"advance_s": 4000}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    advance_s: i64,
}

/// `{"name": "before"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    name: String,
}

/// What no public action sets: quiz points and time spent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Score {
    #[serde(rename = "eventID")]
    event: u64,
    #[serde(rename = "personID")]
    person: u64,
    #[serde(rename = "activityID", default)]
    activity: Option<u64>,
    #[serde(default)]
    quiz_points: Option<i64>,
    #[serde(default)]
    watched_s: Option<i64>,
}

/// Answers a request under `/__admin/`; `path` is what follows.
pub(super) fn answer(state: &State, method: &str, path: &str, query: &str, body: &[u8]) -> Answer {
    let now = state.clock.now();
    match (method, path) {
        ("GET", "variants") => ok(&state.world().variants),
        ("POST", "variants") => read(body, |variants| {
            let mut world = state.world();
            world.variants = variants;
            world.lists.clear();
        }),
        ("GET", "webhooks") => ok(state.world().hooks.settings()),
        ("POST", "webhooks") => read(body, |settings| state.world().hooks.set(settings)),
        ("GET", "deliveries") => {
            let world = state.world();
            ok(&json!({ "counts": world.hooks.counts(), "deliveries": world.hooks.log }))
        }
        ("GET", "deliveries/counts") => ok(&state.world().hooks.counts()),
        ("DELETE", "deliveries") => {
            state.world().hooks.clear();
            done()
        }
        ("GET", "faults") => ok(&state.faults.pending()),
        ("POST", "faults") => match serde_json::from_slice(body) {
            Ok(fault) if means_something(&fault) => {
                state.faults.add(fault, now);
                done()
            }
            Ok(_) => failed(400, "This kind of fault means nothing to InEvent."),
            Err(error) => failed(400, &error.to_string()),
        },
        ("DELETE", "faults") => {
            state.faults.clear();
            done()
        }
        ("GET", "calls") => ok(&state.meter().reading()),
        ("DELETE", "calls") => {
            *state.meter() = Default::default();
            done()
        }
        ("GET", "mails") => mails(state, query),
        ("GET", "credits") => ok(&json!({ "spent": state.world().model.credits })),
        ("GET", "clock") => ok(&json!({ "now": now })),
        ("POST", "clock") => read(body, |change: ClockChange| {
            state.clock.advance(change.advance_s);
            state.look_at_the_clock();
        }),
        ("DELETE", "tokens") => {
            state.world().tokens.revoke_all();
            done()
        }
        ("POST", "people") => try_read(body, |wanted| people(state, &wanted, now)),
        ("POST", "scores") => try_read(body, |score| scores(state, &score, now)),
        ("POST", "reset") => {
            state.reset();
            done()
        }
        ("GET", "snapshots") => {
            let mut names: Vec<String> = state.world().snapshots.keys().cloned().collect();
            names.sort();
            ok(&names)
        }
        ("POST", "snapshots") => read(body, |Name { name }| {
            let mut world = state.world();
            let model = world.model.clone();
            world.snapshots.insert(name, model);
        }),
        _ => named(state, method, path),
    }
}

/// Events and snapshots, by name.
fn named(state: &State, method: &str, path: &str) -> Answer {
    let mut world = state.world();
    if let ("GET", Some(event)) = (method, path.strip_prefix("events/")) {
        let found = event.parse().ok().and_then(|id: u64| world.model.events.get(&id));
        return found
            .map_or_else(|| failed(404, "There is no such event."), |event| ok(&whole(event, &world.variants)));
    }
    let restored = path.strip_prefix("snapshots/").and_then(|rest| rest.strip_suffix("/restore"));
    if let ("POST", Some(name)) = (method, restored) {
        let Some(model) = world.snapshots.get(name).cloned() else {
            return failed(404, "There is no snapshot of this name.");
        };
        world.model = model;
        world.lists.clear();
        return done();
    }
    failed(404, "There is nothing of this name in the admin API; README.md lists what there is.")
}

/// Everything about an event.
fn whole(event: &Event, variants: &super::variants::Variants) -> Json {
    let activities = event.activities.iter().map(|(id, activity)| {
        let people = activity.people.iter().map(|(person, found)| rows::enrolment(event, *id, *person, found));
        json!({ "activity": rows::activity(event.id, *id, activity), "people": people.collect::<Vec<_>>() })
    });
    json!({
        "event": rows::event(event),
        "people": event.people.values().map(|person| rows::applicant(event, person, variants)).collect::<Vec<_>>(),
        "activities": activities.collect::<Vec<_>>(),
        "checklog": event.checks.iter().map(|check| check_entry(event, check)).collect::<Vec<_>>(),
        "invites": event.invites.iter().map(|(id, invite)| rows::invite(event, *id, invite)).collect::<Vec<_>>(),
    })
}

/// Mails sent, how many to each address, and who got one kind of mail of one event more than once. `?kind=invitation`
/// and `?eventID=1` leave others out.
fn mails(state: &State, query: &str) -> Answer {
    let pairs = form_pairs(query);
    let wanted = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let world = state.world();
    let kind = |kind: MailKind| if kind == MailKind::Invitation { "invitation" } else { "confirmation" };
    let mails = world.model.mails.iter().filter(|mail| {
        wanted("kind").is_none_or(|wanted| wanted == kind(mail.kind))
            && wanted("eventID").is_none_or(|event| event == mail.event.to_string())
    });
    let mails: Vec<_> = mails.collect();
    let mut by_address: BTreeMap<&str, u64> = BTreeMap::new();
    let mut alike: BTreeMap<(&str, MailKind, u64), u64> = BTreeMap::new();
    for mail in &mails {
        *by_address.entry(&mail.to).or_default() += 1;
        *alike.entry((&mail.to, mail.kind, mail.event)).or_default() += 1;
    }
    let mut repeated: Vec<&str> = alike.iter().filter(|(_, count)| **count > 1).map(|((to, ..), _)| *to).collect();
    repeated.dedup();
    ok(&json!({ "sent": mails.len(), "by_address": by_address, "repeated": repeated, "mails": mails }))
}

fn people(state: &State, wanted: &Generate, now: i64) -> Result<Json, Problem> {
    let mut world = state.world();
    let ids = world.model.generate(wanted, now)?;
    world.lists.clear();
    if wanted.webhooks {
        for id in &ids {
            world.tell(Trigger::EventEnrollment, wanted.event, Some(*id), None, now);
        }
    }
    Ok(json!({ "first": ids.first(), "last": ids.last() }))
}

fn scores(state: &State, score: &Score, now: i64) -> Result<Json, Problem> {
    let mut world = state.world();
    let id = world.model.new_id();
    let event = world.model.events.get_mut(&score.event).ok_or_else(|| Problem::missing("eventID"))?;
    event.person(score.person)?;
    if let Some(points) = score.quiz_points {
        event.quizzes.push(Quiz { id, person: score.person, activity: score.activity, points, at: now });
    }
    if let Some(seconds) = score.watched_s {
        event.watched.push(Watched { person: score.person, activity: score.activity, seconds });
    }
    Ok(json!({ "ok": true }))
}

/// Whether the stand-in knows what to do.
fn means_something(fault: &Fault) -> bool {
    !fault.parts
        && matches!(
            fault.kind,
            FaultKind::Throttle
                | FaultKind::Unavailable
                | FaultKind::BadGateway
                | FaultKind::GatewayTimeout
                | FaultKind::ResetBefore
                | FaultKind::ResetAfter
                | FaultKind::Slow
                | FaultKind::Unauthorized
                | FaultKind::ExpiredToken
        )
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8], work: impl FnOnce(T)) -> Answer {
    try_read(body, |value| {
        work(value);
        Ok(json!({ "ok": true }))
    })
}

fn try_read<T: for<'de> Deserialize<'de>>(body: &[u8], work: impl FnOnce(T) -> Result<Json, Problem>) -> Answer {
    match serde_json::from_slice(body) {
        Ok(value) => match work(value) {
            Ok(answer) => ok(&answer),
            Err(problem) => failed(problem.status, &problem.message),
        },
        Err(error) => failed(400, &error.to_string()),
    }
}

fn ok(value: &impl Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(text) => (200, text),
        Err(error) => failed(500, &error.to_string()),
    }
}

fn done() -> Answer {
    (200, json!({ "ok": true }).to_string())
}

fn failed(status: u16, message: &str) -> Answer {
    (status, json!({ "error": message }).to_string())
}

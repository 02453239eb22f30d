//! `webhook`: who is told of what, and what was sent.

use serde_json::Value as Json;

use super::{Access, Action};
use crate::inevent::envelope::{Page, Problem, Row, row};
use crate::inevent::hooks::{Hooks, Subject, Webhook};
use crate::inevent::model::COMPANY;
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] = &[
    Action::new("webhook.create", Access::Admin, &["eventID", "companyID"], &["type", "url"], create),
    Action::new("webhook.find", Access::Admin, &["eventID", "companyID"], &[], find),
    Action::new("webhook.edit", Access::Admin, &["webhookID", "key"], &["value"], edit),
    Action::new("webhook.remove", Access::Admin, &["webhookID", "eventID"], &[], remove),
    Action::new("webhook.log.find", Access::Admin, &["eventID"], &[], log),
    Action::new("webhook.requestExample", Access::Admin, &["webhookID"], &[], request_example),
    Action::new("webhook.responseExample", Access::Admin, &["webhookID"], &[], response_example),
];

fn hook_row(id: u64, hook: &Webhook, hooks: &Hooks) -> Row {
    row([
        ("webhookID", id.to_string()),
        ("companyID", COMPANY.to_string()),
        ("eventID", hook.event.map(|event| event.to_string()).unwrap_or_default()),
        ("type", hooks.literal(hook.trigger)),
        ("url", hook.url.clone()),
    ])
}

fn check_url(name: &str, url: &str) -> Result<String, Problem> {
    let whole = url.starts_with("http://") || url.starts_with("https://");
    if whole { Ok(url.to_owned()) } else { Err(Problem::invalid(name)) }
}

/// For one event, or without `eventID` for all of them.
fn create(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let call = turn.call;
    let event = match call.attribute("eventID") {
        Some(_) => Some(turn.event()?.id),
        None => turn.company().map(|()| None)?,
    };
    let trigger = turn.world.hooks.trigger(call.required_field("type")?).ok_or_else(|| Problem::invalid("type"))?;
    let url = check_url("url", call.required_field("url")?)?;
    let id = turn.world.model.new_id();
    let hook = Webhook { trigger, url, event };
    let row = hook_row(id, &hook, &turn.world.hooks);
    turn.world.hooks.registered.insert(id, hook);
    Ok(Page::one(row))
}

fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let event = match turn.call.attribute("eventID") {
        Some(_) => Some(turn.event()?.id),
        None => turn.company().map(|()| None)?,
    };
    let hooks = &turn.world.hooks;
    let chosen = hooks.registered.iter().filter(|(_, hook)| event.is_none() || hook.event == event);
    turn.call.page(chosen, |(id, hook)| hook_row(*id, hook, hooks))
}

fn webhook<'a>(turn: &'a Turn<'_>) -> Result<(u64, &'a Webhook), Problem> {
    let id = turn.call.id("webhookID")?;
    turn.world.hooks.registered.get(&id).map(|hook| (id, hook)).ok_or_else(|| Problem::missing("webhookID"))
}

fn edit(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, (id, hook)) = (turn.call, webhook(turn)?);
    let (mut hook, value) = (hook.clone(), call.required_field("value")?);
    match call.required("key")? {
        "url" => hook.url = check_url("value", value)?,
        "type" => hook.trigger = turn.world.hooks.trigger(value).ok_or_else(|| Problem::invalid("value"))?,
        _ => return Err(Problem::invalid("key")),
    }
    let row = hook_row(id, &hook, &turn.world.hooks);
    turn.world.hooks.registered.insert(id, hook);
    Ok(Page::one(row))
}

fn remove(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (id, hook) = webhook(turn)?;
    let row = hook_row(id, hook, &turn.world.hooks);
    turn.world.hooks.registered.remove(&id);
    Ok(Page::one(row))
}

/// The newest first. InEvent shows what it sent, not that it got lost on the way.
fn log(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let event = turn.event()?.id;
    let chosen = turn.world.hooks.log.iter().rev().filter(|logged| logged.event == event);
    turn.call.page(chosen, |logged| {
        row([
            ("webhookID", logged.webhook.to_string()),
            ("eventID", logged.event.to_string()),
            ("type", logged.literal.clone()),
            ("url", logged.url.clone()),
            ("request", logged.body.clone()),
            ("status", logged.status.to_string()),
            ("date", logged.at.to_string()),
        ])
    })
}

/// The body that the webhook would get, of somebody who is there, or of ids that are made up.
fn request_example(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (_, hook) = webhook(turn)?;
    let events = &turn.world.model.events;
    let event = hook.event.and_then(|id| events.get(&id)).or_else(|| events.values().next());
    let person = event.and_then(|event| event.people.keys().next().copied());
    let activity = event.and_then(|event| event.activities.keys().next().copied());
    let person = hook.trigger.has_person().then_some(person.unwrap_or(1));
    let activity = hook.trigger.has_activity().then_some(activity.unwrap_or(1));
    let subject: Subject = turn.world.subject(event.map_or(1, |event| event.id), person, activity, turn.now);
    let body = turn.world.hooks.example(hook.trigger, &subject);
    // A body that is no JSON stands in one member.
    Ok(Page::one(match serde_json::from_str(&body) {
        Ok(Json::Object(members)) => members.into(),
        _ => row([("body", body)]),
    }))
}

fn response_example(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    webhook(turn)?;
    Ok(Page::one(row([("status", "200".to_owned())])))
}

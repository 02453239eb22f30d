//! What engagement can be told from: gamification points, quizzes, time spent.

use std::collections::{BTreeMap, BTreeSet};

use super::{Access, Action, boolean, number};
use crate::inevent::envelope::{Page, Problem, Row, flag, row};
use crate::inevent::model::{Event, Game, Quiz};
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] = &[
    Action::new("gamification.find", Access::User, &["eventID", "visible"], &[], games),
    Action::new(
        "gamification.create",
        Access::Admin,
        &["eventID"],
        &["name", "description", "points", "visible"],
        create,
    ),
    Action::new("gamification.person.bind", Access::Admin, &["gamificationID", "personID"], &[], award),
    Action::new("gamification.person.dismiss", Access::Admin, &["gamificationID", "personID"], &[], take_back),
    Action::new("gamification.person.get", Access::User, &["eventID", "personID"], &[], points),
    Action::new("gamification.leaderboard", Access::User, &["eventID"], &[], leaderboard),
    Action::new("quiz.person.find", Access::Admin, &["eventID", "activityID", "companyID", "personID"], &[], quizzes),
    Action::new(
        "live.person.analyticsGet",
        Access::Admin,
        &["companyID", "eventID", "personID", "groupBy"],
        &[],
        time_spent,
    ),
    Action::new("live.person.analyticsFind", Access::Admin, &["eventID", "selection"], &[], times_spent),
];

fn game_row(event: u64, id: u64, game: &Game) -> Row {
    row([
        ("gamificationID", id.to_string()),
        ("eventID", event.to_string()),
        ("name", game.name.clone()),
        ("description", game.description.clone()),
        ("points", game.points.to_string()),
        ("visible", flag(game.visible)),
    ])
}

fn games(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, event) = (turn.call, turn.event()?);
    let visible = call.attribute("visible").map(|text| boolean("visible", text)).transpose()?;
    let chosen = event.games.iter().filter(|(_, game)| visible.is_none_or(|visible| game.visible == visible));
    call.page(chosen, |(id, game)| game_row(event.id, *id, game))
}

fn create(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, event) = (turn.call, turn.event()?.id);
    let game = Game {
        name: call.required_field("name")?.to_owned(),
        description: call.field("description").unwrap_or_default().to_owned(),
        points: number("points", call.required_field("points")?)?,
        visible: call.field("visible").map_or(Ok(true), |text| boolean("visible", text))?,
        people: BTreeSet::new(),
    };
    let id = turn.world.model.new_id();
    let row = game_row(event, id, &game);
    turn.event_by(event)?.games.insert(id, game);
    Ok(Page::one(row))
}

fn award(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    change(turn, |game, person| game.people.insert(person))
}

fn take_back(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    change(turn, |game, person| game.people.remove(&person))
}

fn change(turn: &mut Turn<'_>, change: fn(&mut Game, u64) -> bool) -> Result<Page, Problem> {
    let (id, person) = (turn.call.id("gamificationID")?, turn.call.id("personID")?);
    let event = turn.world.model.events.values_mut().find(|event| event.games.contains_key(&id));
    let event = event.ok_or_else(|| Problem::missing("gamificationID"))?;
    event.person(person)?;
    if let Some(game) = event.games.get_mut(&id) {
        change(game, person);
    }
    Ok(Page::one(score_row(event, person, event.points(person))))
}

fn score_row(event: &Event, person: u64, points: i64) -> Row {
    row([
        ("personID", person.to_string()),
        ("eventID", event.id.to_string()),
        ("name", event.people.get(&person).map(|person| person.profile.name()).unwrap_or_default()),
        ("points", points.to_string()),
    ])
}

fn points(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, person) = (turn.event()?, turn.call.id("personID")?);
    event.person(person)?;
    Ok(Page::one(score_row(event, person, event.points(person))))
}

/// Those who have points, the most first.
fn leaderboard(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let event = turn.event()?;
    let mut points: BTreeMap<u64, i64> = BTreeMap::new();
    for game in event.games.values() {
        for person in &game.people {
            *points.entry(*person).or_default() += game.points;
        }
    }
    let mut points: Vec<_> = points.into_iter().collect();
    points.sort_by_key(|(person, points)| (-points, *person));
    let ranked = points.into_iter().zip(1..);
    turn.call.page(ranked, |((person, points), position)| {
        let mut row = score_row(event, person, points);
        row.push("position", i64::to_string(&position));
        row
    })
}

fn quizzes(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let call = turn.call;
    let (event, activity, person) = (call.number("eventID")?, call.number("activityID")?, call.number("personID")?);
    if event.is_none() && activity.is_none() {
        turn.company()?;
    }
    let fits = |wanted: Option<u64>, id: Option<u64>| wanted.is_none_or(|wanted| id == Some(wanted));
    let events = turn.world.model.events.values().filter(|found| fits(event, Some(found.id)));
    let all = events.flat_map(|event| event.quizzes.iter().map(move |quiz| (event.id, quiz)));
    let all = all.filter(|(_, quiz)| fits(activity, quiz.activity) && fits(person, Some(quiz.person)));
    call.page(all, |(event, quiz): (u64, &Quiz)| {
        row([
            ("quizPersonID", quiz.id.to_string()),
            ("eventID", event.to_string()),
            ("activityID", quiz.activity.map(|activity| activity.to_string()).unwrap_or_default()),
            ("personID", quiz.person.to_string()),
            ("points", quiz.points.to_string()),
            ("date", quiz.at.to_string()),
        ])
    })
}

fn time_row(event: u64, activity: Option<u64>, person: u64, seconds: i64) -> Row {
    row([
        ("livePersonID", person.to_string()),
        ("personID", person.to_string()),
        ("eventID", event.to_string()),
        ("activityID", activity.map(|activity| activity.to_string()).unwrap_or_default()),
        ("timeSpent", seconds.to_string()),
    ])
}

/// Seconds, in all or with `groupBy=activity` by activity.
fn time_spent(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    turn.company()?;
    let (call, event, person) = (turn.call, turn.event()?, turn.call.id("personID")?);
    event.person(person)?;
    let watched = event.watched.iter().filter(|watched| watched.person == person);
    match call.attribute("groupBy") {
        None => Ok(Page::one(time_row(event.id, None, person, watched.map(|watched| watched.seconds).sum()))),
        Some("activity") => {
            let mut sums: BTreeMap<Option<u64>, i64> = BTreeMap::new();
            for watched in watched {
                *sums.entry(watched.activity).or_default() += watched.seconds;
            }
            call.page(sums, |(activity, seconds)| time_row(event.id, activity, person, seconds))
        }
        Some(other) => Err(Problem::not_here(&format!("groupBy {other} of live.person.analyticsGet"))),
    }
}

fn times_spent(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    super::only_all(turn)?;
    let event = turn.event()?;
    let mut sums: BTreeMap<u64, i64> = BTreeMap::new();
    for watched in &event.watched {
        *sums.entry(watched.person).or_default() += watched.seconds;
    }
    turn.call.page(sums, |(person, seconds)| time_row(event.id, None, person, seconds))
}

//! The webinar that `local` plays: people on a marketing list are invited to it, it happens in InEvent, and comes to the CRM by
//! webhooks, of which some are lost, and by what is looked up anyway.

use std::time::Instant;

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    comparison::{Comparison, Stage},
    desk::Desk,
    marketing_list::{Invited, MarketingList},
    organizer::Organizer,
    story,
};
use crate::reconcile::cursor::{self, Cursor};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// How webhooks fare until the event is over.
fn network() -> Value {
    json!({ "loss": 0.15, "duplication": 0.2, "shuffle_ms": 100, "parallel": 32, "seed": 2026 })
}

/// What came of the webinar.
#[derive(Debug, Clone, Serialize)]
pub struct Webinar {
    /// Its id in InEvent.
    pub event: String,
    /// From the marketing list in the CRM.
    pub invited: Invited,
    /// People on InEvent's list when it was over.
    pub people: u64,
    /// Webhooks that arrived, doubled ones included.
    pub webhooks: u64,
    /// Webhooks that InEvent never sent, on purpose.
    pub webhooks_lost: u64,
    /// Webhooks that InEvent sent twice, on purpose.
    pub webhooks_doubled: u64,
    /// Rows that follow from what InEvent knows.
    pub rows: u64,
    /// Of these, how many were missing or said something else before `ReconcileEvents` looked.
    pub missed: u64,
    /// How many were missing or said something else at the end, and rows of people who are not on InEvent's lists.
    pub lost: u64,
    /// Calls of InEvent's API, those of the people in the story included.
    pub inevent_calls: u64,
    /// From the first registration to the last row.
    pub seconds: f64,
}

/// Plays it as of `now`: it was yesterday. `tell` hears what happens, and how many calls to InEvent that takes.
///
/// # Errors
/// When InEvent, the CRM or the connector does not answer.
pub async fn webinar(desk: &Desk, now: Timestamp, mut tell: impl FnMut(&str, usize)) -> Result<Webinar> {
    let (organizer, begun) = (desk.organizer(), Instant::now());
    let begin = now.as_second() - 25 * HOUR;
    organizer.set("webhooks", &network()).await?;
    organizer.go_to(begin - 14 * DAY).await?;
    let mut cast = Cast::announced(organizer, begin).await?;

    let list = MarketingList::made(desk).await?;
    tell("The members of a marketing list are invited, and one cannot be", list.members());
    list.invite_to(desk, &cast.event)?;
    run_timer(desk, "PullMarketingLists").await?;

    tell("In InEvent people register; webhooks are lost, doubled and shuffled", ENOUGH - LATE);
    cast.register(ENOUGH - LATE).await?;

    organizer.go_to(begin - 5 * DAY).await?;
    tell("More do, most enrol in two sessions, one answers a question", LATE + cast.enrolments().len() + 1);
    cast.register(LATE).await?;
    cast.enrol().await?;
    cast.answer(2, "50,000 to 100,000").await?;

    organizer.go_to(begin - 2 * DAY).await?;
    tell("Three cancel", GONE.len());
    cast.dismiss().await?;

    organizer.go_to(begin).await?;
    let seen = cast.seen();
    tell("They check in, to the webinar and to its sessions", seen.len() + cast.present().len());
    for who in &seen {
        cast.check("In", *who, None).await?;
    }
    organizer.go_to(begin + 300).await?;
    for (who, session) in cast.present() {
        cast.check("In", who, Some(session)).await?;
    }

    organizer.go_to(begin + 50 * 60).await?;
    let (leaving, awarded) = (seen.iter().step_by(2), seen.iter().step_by(3));
    tell("People leave, some have earned points, and it is over", leaving.len() + awarded.len());
    for who in leaving {
        cast.check("Out", *who, None).await?;
    }
    for who in awarded {
        cast.award(*who).await?;
    }
    organizer.set("webhooks", &json!({ "parallel": 8 })).await?;
    organizer.go_to(begin + HOUR).await?;
    organizer.go_to(Timestamp::now().as_second()).await?;
    desk.settled().await?;

    let missed = Comparison::of(desk, &cast.event, Stage::Open).await?.different;
    // The timer may have looked in the middle of the story, which lasts seconds and not weeks: the next look is the first again.
    cursor::save(desk.store(), &cast.event, &Cursor::default()).await?;
    // The second concludes who did not come.
    for timer in ["ReconcileEvents", "FlushActivities"] {
        run_timer(desk, timer).await?;
        desk.settled().await?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let Comparison { people, rows, different } = Comparison::of(desk, &cast.event, Stage::Over).await?;
    let (counts, calls) = (organizer.told("deliveries/counts").await?, organizer.told("calls").await?);
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    Ok(Webinar {
        invited: list.outcome(desk, &cast.event).await?,
        event: cast.event,
        people,
        webhooks: count(&counts["delivered"]),
        webhooks_lost: count(&counts["lost"]),
        webhooks_doubled: count(&counts["duplicated"]),
        rows,
        missed,
        lost: different,
        inevent_calls: count(&calls["calls"]),
        seconds,
    })
}

/// Runs a timer function as its time would.
async fn run_timer(desk: &Desk, timer: &str) -> Result<()> {
    desk.host().run_timer(timer).await.map_err(|why| anyhow!("{timer} failed: {why}"))
}

/// How many register in all, and how many of them late.
const ENOUGH: usize = 25;
const LATE: usize = 5;
/// Who cancels.
const GONE: [usize; 3] = [4, 9, 18];

/// The webinar and who takes part, by the order in which they register.
struct Cast<'a> {
    organizer: &'a Organizer,
    event: String,
    /// The API field of the question for the budget.
    budget: String,
    /// Both sessions.
    sessions: [String; 2],
    game: String,
    /// Their ids in InEvent.
    people: Vec<String>,
}

impl<'a> Cast<'a> {
    /// Makes the event with its sessions, a question and something to win.
    async fn announced(organizer: &'a Organizer, begin: i64) -> Result<Self> {
        let event = organizer.event("Summer Webinar", begin, begin + HOUR).await?;
        let here = [("eventID", event.as_str())];
        let session = async |name: &str, begin: i64| {
            let (begin, end) = (begin.to_string(), (begin + HOUR / 2).to_string());
            let body = [("name", name), ("dateBegin", &begin), ("dateEnd", &end)];
            organizer.make("activity.create", &here, &body, "activityID").await
        };
        let sessions = [session("Live demo", begin).await?, session("Questions and answers", begin + HOUR / 2).await?];
        let question = [("text", "Budget"), ("type", "text")];
        let budget = organizer.make("feedback.create", &here, &question, "apiField").await?;
        let game = [("name", "Asked a question"), ("points", "25")];
        let game = organizer.make("gamification.create", &here, &game, "gamificationID").await?;
        Ok(Self { organizer, event, budget, sessions, game, people: Vec::new() })
    }

    /// InEvent takes no address with an apostrophe.
    async fn register(&mut self, more: usize) -> Result<()> {
        let people = story::people().filter(|(.., email)| !email.contains('\''));
        for (first, last, email) in people.skip(self.people.len()).take(more) {
            let mut body = vec![("firstName", first), ("lastName", last), ("username", email)];
            body.extend((self.people.len().is_multiple_of(4)).then_some((self.budget.as_str(), "10k")));
            let id = self.organizer.make("event.person.bind", &[("eventID", &self.event)], &body, "personID").await?;
            self.people.push(id);
        }
        Ok(())
    }

    /// Who enrols in which session.
    fn enrolments(&self) -> Vec<(usize, usize)> {
        (0..ENOUGH).flat_map(|who| [(who, 0), (who, 1)]).filter(|(who, session)| who % (session + 2) != 1).collect()
    }

    async fn enrol(&self) -> Result<()> {
        for (who, session) in self.enrolments() {
            let query = [("activityID", self.sessions[session].as_str()), ("personID", &self.people[who])];
            self.organizer.call("activity.person.bind", &query, &[]).await?;
        }
        Ok(())
    }

    /// Answers the question for the budget.
    async fn answer(&self, who: usize, budget: &str) -> Result<()> {
        let (event, person) = (self.event.as_str(), self.people[who].as_str());
        let query = [("eventID", event), ("personID", person), ("key", &self.budget)];
        self.organizer.call("event.person.operate", &query, &[("value", budget)]).await.map(drop)
    }

    async fn dismiss(&self) -> Result<()> {
        for who in GONE {
            let query = [("eventID", self.event.as_str()), ("personID", &self.people[who])];
            self.organizer.call("event.person.dismiss", &query, &[]).await?;
        }
        Ok(())
    }

    /// Who comes.
    fn seen(&self) -> Vec<usize> {
        (0..ENOUGH).filter(|who| who % 5 != 3 && !GONE.contains(who)).collect()
    }

    /// Who is in which session.
    fn present(&self) -> Vec<(usize, usize)> {
        let seen = self.seen();
        self.enrolments().into_iter().filter(|(who, session)| seen.contains(who) && (who + session) % 7 != 0).collect()
    }

    async fn check(&self, way: &str, who: usize, session: Option<usize>) -> Result<()> {
        let mut query = vec![("eventID", self.event.as_str()), ("code", &self.people[who])];
        query.extend(session.map(|session| ("activityID", self.sessions[session].as_str())));
        self.organizer.call(&format!("checklog.check{way}"), &query, &[]).await.map(drop)
    }

    async fn award(&self, who: usize) -> Result<()> {
        let query = [("gamificationID", self.game.as_str()), ("personID", &self.people[who])];
        self.organizer.call("gamification.person.bind", &query, &[]).await.map(drop)
    }
}

//! `PullMarketingLists` (timer, every five minutes): invites the members of marketing lists, as far as the time goes.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{
    answer::Ran,
    services::{App, Services},
};
use crate::{
    invite::{self, InviteError, Report, Run},
    store::StoreError,
    sync::lists::Trouble,
    synclog::{Entry, Step, Verdict},
};

/// How long invitations are begun in one run: what is under way then ends before the deadline.
const SLICE: Duration = Duration::from_secs(4 * 60);

pub async fn run(app: &App) -> Ran {
    let services = app.services().await?;
    let document = match services.settings.document().await {
        Ok(document) => document,
        Err(why) => {
            tracing::warn!(?why, "the settings cannot be read; nobody is invited");
            return Ok(());
        }
    };
    let mut events: Vec<&String> = document.events.keys().collect();
    events.retain(|event| !document.effective(event).invitations.lists.is_empty());
    if events.is_empty() {
        return Ok(());
    }
    let inviter = match services.inviter() {
        Ok(inviter) => inviter,
        Err(held) => {
            tracing::warn!(hold = held.name, remedy = held.remedy, "nobody is invited");
            return Ok(());
        }
    };
    let ends = Instant::now() + SLICE;
    // Whoever comes first takes the time: each event in turn.
    let turn = usize::try_from(Timestamp::now().as_second() / 300).unwrap_or_default() % events.len();
    events.rotate_left(turn);
    for event in events {
        let run = Run { ends, dry: false };
        match inviter.run(event, &document.effective(event), run).await {
            Ok(report) => {
                services.sync_log.note(entries(event, &report));
                if let Some(why) = report.stopped {
                    tracing::info!(event, sent = report.sent, why, "invitations are left to the next run");
                }
            }
            Err(error) => {
                tracing::warn!(event, %error, remedy = remedy(&error), "not everybody is invited; the next run goes on")
            }
        }
    }
    Ok(())
}

/// What a run did to an event: nothing is told of one that invited nobody and met nothing.
fn entries(event: &str, report: &Report) -> Vec<Entry> {
    let entry = |result, why: &str, count| {
        let why = Some(why.to_owned());
        Entry { why, count: Some(count), ..Entry::new(Timestamp::now(), Step::Invitations, result, event) }
    };
    let troubles = report.lists.iter().filter(|list| list.looked && list.trouble.is_some()).count() as u64;
    [
        (Verdict::Written, "invited", report.sent),
        (Verdict::Written, "uninvited", report.withdrawn),
        (Verdict::Held, "undecided", report.undecided),
        (Verdict::Held, "list", troubles),
    ]
    .into_iter()
    .filter(|(.., count)| *count > 0)
    .map(|(result, why, count)| entry(result, why, count))
    .collect()
}

fn remedy(error: &InviteError) -> Option<String> {
    match error {
        InviteError::InEvent(error) => error.remedy(),
        _ => None,
    }
}

/// The lists of which nobody can be invited, for Health.
pub async fn troubles(services: &Services) -> Result<Vec<Trouble>, StoreError> {
    let passes = invite::passes(&*services.store, None).await?;
    let trouble = |pass: invite::Pass| {
        let invite::Trouble { problem, remedy, since } = pass.trouble?;
        Some(Trouble { list: pass.list, problem, remedy, since })
    };
    Ok(passes.into_iter().filter_map(trouble).collect())
}

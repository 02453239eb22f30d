//! Sends events to a desk, and looks whether all of them arrived.

use std::{collections::BTreeSet, time::Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    desk::{Desk, FUNCTION_KEY, TENANT},
    host::LogSource,
};
use crate::{
    dataverse::query,
    model::ParticipantEvent,
    parked::{self, Entry},
    sync::rows::RowKey,
};

/// What came of the events played.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Played {
    /// Accepted by `IngestEvents`, doubled ones included.
    pub events: u64,
    /// Refused by `IngestEvents`, with the reason.
    pub refused: u64,
    /// Rows created in Dynamics.
    pub created: u64,
    /// Rows updated in Dynamics; a row that two batches touch counts twice.
    pub updated: u64,
    /// Events that changed nothing.
    pub unchanged: u64,
    /// Web API calls; a batch is one.
    pub api_calls: u64,
    /// Events parked for repair.
    pub parked: u64,
    /// Events of which there is neither a row nor a parked record, and messages that nobody settled, each counted as one.
    pub lost: u64,
    /// From the first event sent to the last one settled.
    pub seconds: f64,
}

/// Plays events on a desk.
pub struct Player<'a> {
    desk: &'a Desk,
    http: reqwest::Client,
    begun: Instant,
    calls_before: u64,
    accepted: Vec<Value>,
    refused: u64,
}

impl<'a> Player<'a> {
    pub async fn new(desk: &'a Desk) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let calls_before = calls(&http, desk).await?;
        Ok(Self { desk, http, begun: Instant::now(), calls_before, accepted: Vec::new(), refused: 0 })
    }

    /// Sends one event or an array of them; returns what was refused, in the connector's words.
    pub async fn send(&mut self, delivery: &Value) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default, alias = "items")]
            refused: Vec<BadItem>,
        }
        #[derive(Deserialize)]
        struct BadItem {
            index: usize,
            problems: Value,
        }
        let request = self.http.post(self.desk.events_url()).query(&[("partial", "true")]);
        let answer = request
            .header("x-functions-key", FUNCTION_KEY)
            .json(delivery)
            .send()
            .await
            .context("the local host does not answer")?;
        let status = answer.status();
        if !status.is_success() && status.as_u16() != 400 {
            bail!("the connector answered {status}: {}", answer.text().await.unwrap_or_default());
        }
        let refused = answer.json::<Answer>().await.map(|answer| answer.refused).unwrap_or_default();
        let bad: BTreeSet<usize> = refused.iter().map(|item| item.index).collect();
        let events = delivery.as_array().cloned().unwrap_or_else(|| vec![delivery.clone()]);
        self.refused += bad.len() as u64;
        self.accepted
            .extend(events.into_iter().enumerate().filter(|(index, _)| !bad.contains(index)).map(|(_, event)| event));
        Ok(refused.into_iter().map(|item| format!("item {}: {}", item.index, item.problems)).collect())
    }

    /// Waits, and looks what came of it all.
    pub async fn result(self) -> Result<Played> {
        let waiting = self.desk.settled().await?;
        let seconds = self.begun.elapsed().as_secs_f64();
        let api_calls = calls(&self.http, self.desk).await? - self.calls_before;
        let parked = self.parked().await?;
        let lost = waiting + self.without_a_row(&parked).await?;
        let parked = parked.len() as u64;
        let tally = tally(self.desk);
        Ok(Played {
            events: self.accepted.len() as u64,
            refused: self.refused,
            api_calls,
            parked,
            lost,
            seconds,
            ..tally
        })
    }

    async fn parked(&self) -> Result<Vec<Entry>> {
        let mut pages = parked::Pages::all(self.desk.store());
        let mut entries = Vec::new();
        while let Some(page) = pages.next(Timestamp::now()).await? {
            entries.extend(page.found.into_iter().map(|found| found.entry));
        }
        Ok(entries)
    }

    /// Looks in the CRM for the row of every event of whose participant nothing is parked: by its id, whatever the connector says
    /// of itself.
    async fn without_a_row(&self, parked: &[Entry]) -> Result<u64> {
        let parked: BTreeSet<(Option<&str>, Option<&str>)> =
            parked.iter().map(|entry| (entry.event.as_deref(), entry.participant.as_deref())).collect();
        let ours = self.desk.table();
        let table = ours.table;
        let id = |event: &Value| {
            let event: ParticipantEvent = serde_json::from_value(event.clone()).ok()?;
            let participant = event.participant.as_ref()?;
            if parked.contains(&(Some(&event.event.id), Some(&participant.id))) {
                return None;
            }
            let session = event.session.as_ref().map(|session| session.id.clone());
            let key = RowKey { event: event.event.id.clone(), participant: participant.id.clone(), session };
            Some(ours.row_id(TENANT, &key).to_string())
        };
        let expected: Vec<String> = self.accepted.iter().filter_map(id).collect();
        let distinct: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
        let distinct: Vec<&str> = distinct.into_iter().collect();
        let filters = query::chunks(&distinct).into_iter().map(|run| query::is_one_of(table.key, run));
        let queries = filters.map(|filter| query::select(table.set, &[table.key], &filter)).collect();
        let found: BTreeSet<String> = self
            .desk
            .client()
            .read(queries)
            .await?
            .into_iter()
            .flatten()
            .filter_map(|row| row.get(table.key)?.as_str().map(str::to_owned))
            .collect();
        Ok(expected.iter().filter(|id| !found.contains(*id)).count() as u64)
    }
}

/// Web API calls that the sandbox counted so far.
async fn calls(http: &reqwest::Client, desk: &Desk) -> Result<u64> {
    #[derive(Deserialize)]
    struct Log {
        calls: u64,
    }
    let url = format!("{}/requests", desk.dataverse().admin_url.trim_end_matches('/'));
    Ok(http.get(url).send().await?.json::<Log>().await?.calls)
}

/// Adds up the records that the connector leaves of every batch.
fn tally(desk: &Desk) -> Played {
    #[derive(Deserialize)]
    struct Batch {
        target: String,
        #[serde(default)]
        created: u64,
        #[serde(default)]
        updated: u64,
        #[serde(default)]
        unchanged: u64,
    }
    let lines = desk.host().lines();
    let printed = lines.iter().filter(|line| matches!(line.source, LogSource::Stdout | LogSource::Function(_)));
    let batches = printed.filter_map(|line| serde_json::from_str::<Batch>(&line.text).ok());
    batches.filter(|batch| batch.target == "outcome").fold(Played::default(), |sum, batch| Played {
        created: sum.created + batch.created,
        updated: sum.updated + batch.updated,
        unchanged: sum.unchanged + batch.unchanged,
        ..sum
    })
}

/// The events of a JSON-lines file, with the number of their line.
///
/// # Errors
/// With the number of the first line that is not JSON.
pub fn read_lines(text: &str) -> Result<Vec<(usize, Value)>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let event = serde_json::from_str(line).with_context(|| format!("line {} is not JSON", index + 1))?;
            Ok((index + 1, event))
        })
        .collect()
}

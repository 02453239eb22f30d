//! [`Crm`] on the Web API: reads in one `$batch`, creates by `CreateMultiple`, updates by a `$batch` of conditional PATCH.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, try_join_all};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    crm::{Action, Crm, Rows, Wanted, Write},
    rows::{self, ATTENDANCE, ATTENDANCE_COLUMNS, AttendanceRow, PROFILE_STAMP, PersonRow, PersonTable},
};
use crate::{
    dataverse::{
        BulkSize, Client, Columns, Error, Failure, Part,
        metadata::{self, TableColumns},
        query,
    },
    settings::document::Pace,
};

/// The most rows in one `CreateMultiple`; Microsoft's advice is 100 to 1,000 where rows are small.
const MOST_CREATES: usize = 250;
/// The most writes in one `$batch`. Dataverse runs them one after the other, so a longer one only risks its time-out.
const MOST_WRITES: usize = 200;

/// A Dynamics organisation.
pub struct DataverseCrm {
    client: Arc<Client>,
    me: OnceCell<Uuid>,
    creates: BulkSize,
    writes: BulkSize,
}

type Outcomes = Vec<Result<(), Failure>>;

impl DataverseCrm {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, me: OnceCell::new(), creates: BulkSize::new(MOST_CREATES), writes: BulkSize::new(MOST_WRITES) }
    }

    /// Creates rows of one table, all or none; what takes too long is tried again by halves.
    fn create_bulk<'a>(&'a self, writes: &'a [&Write]) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            let Some(table) = writes.first().map(|write| write.table) else { return Ok(Vec::new()) };
            let rows: Vec<Columns> = writes.iter().map(|write| write.columns.clone()).collect();
            match self.client.create_multiple(table.set, table.name, rows).await {
                Ok(()) => {
                    self.creates.came_through(writes.len());
                    Ok(vec![Ok(()); writes.len()])
                }
                Err(error) if error.took_too_long() && writes.len() > 1 => {
                    self.creates.timed_out(writes.len());
                    let (first, second) = writes.split_at(writes.len() / 2);
                    Ok([self.create_bulk(first).await?, self.create_bulk(second).await?].concat())
                }
                Err(error) => match error.failure() {
                    // It does not say which row it was. One `$batch` does, for the price of one call more.
                    Failure::Refused { .. } | Failure::Conflict => {
                        let parts: Vec<Part> =
                            writes.iter().map(|write| Part::create(write.table.set, write.columns.clone())).collect();
                        self.write_singly(&parts).await
                    }
                    failure => Err(failure),
                },
            }
        })
    }

    /// Each write by itself, many in one call.
    async fn write_singly(&self, parts: &[Part]) -> Result<Outcomes, Failure> {
        let batches = self.writes.bulks(parts).map(|parts| self.write_batch(parts));
        Ok(try_join_all(batches).await?.concat())
    }

    fn write_batch<'a>(&'a self, parts: &'a [Part]) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            match self.client.batch(parts).await {
                Ok(answers) => {
                    let answers = answers.into_iter().map(|answer| answer.map(drop).map_err(Error::Service));
                    let answers: Vec<Result<(), Error>> = answers.collect();
                    match answers.iter().any(|answer| answer.as_ref().is_err_and(Error::took_too_long)) {
                        true => self.writes.timed_out(parts.len()),
                        false => self.writes.came_through(parts.len()),
                    }
                    Ok(answers.into_iter().map(|answer| answer.map_err(|error| error.failure())).collect())
                }
                Err(error) if error.took_too_long() && parts.len() > 1 => {
                    self.writes.timed_out(parts.len());
                    let (first, second) = parts.split_at(parts.len() / 2);
                    Ok([self.write_batch(first).await?, self.write_batch(second).await?].concat())
                }
                Err(error) => Err(error.failure()),
            }
        })
    }
}

#[async_trait]
impl Crm for DataverseCrm {
    async fn me(&self) -> Result<Uuid, Failure> {
        let ask =
            || async { self.client.who_am_i().await.map(|me| me.user_id).map_err(|error: Error| error.failure()) };
        self.me.get_or_try_init(ask).await.copied()
    }

    async fn columns(&self, table: PersonTable) -> Result<TableColumns, Failure> {
        metadata::columns(&self.client, table.table().name).await.map_err(|error| error.failure())
    }

    fn keep_pace(&self, pace: &Pace) {
        self.client.allow(pace.concurrency.map(usize::from), pace.requests_per_five_minutes);
    }

    async fn load(&self, wanted: &Wanted) -> Result<Rows, Failure> {
        let queries = queries(wanted);
        if queries.is_empty() {
            return Ok(Rows::default());
        }
        let (kinds, paths): (Vec<_>, Vec<_>) = queries.into_iter().unzip();
        let pages = self.client.read(paths).await.map_err(|error| error.failure())?;
        let mut rows = Rows::default();
        for (kind, found) in kinds.into_iter().zip(pages) {
            for columns in found {
                match kind {
                    Some(table) => rows.people.extend(PersonRow::read(table, columns)),
                    None => rows.attendance.extend(AttendanceRow::read(columns)),
                }
            }
        }
        // A lead is found by address and by id.
        rows.people.sort_by_key(|row| row.person);
        rows.people.dedup_by_key(|row| row.person);
        Ok(rows)
    }

    async fn participants(&self, event: &str, session: Option<&str>) -> Result<BTreeSet<String>, Failure> {
        let mut filter = format!("new_eventid eq {}", query::text(event));
        if let Some(session) = session {
            filter.push_str(&format!(" and new_sessionid eq {}", query::text(session)));
        }
        let query = query::select(ATTENDANCE.set, &["new_participantid"], &filter);
        let found = self.client.read(vec![query]).await.map_err(|error| error.failure())?.concat();
        Ok(found.iter().filter_map(|row| rows::text(row, "new_participantid").map(str::to_owned)).collect())
    }

    async fn create(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let bulks = self.creates.bulks(writes).map(|writes| self.create_bulk(writes));
        Ok(try_join_all(bulks).await?.concat())
    }

    async fn update(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let part = |write: &&Write| match &write.action {
            Action::Update { etag } => Part::update(write.table.set, write.id, etag, write.columns.clone()),
            Action::Create => Part::create(write.table.set, write.columns.clone()),
        };
        let parts: Vec<Part> = writes.iter().map(part).collect();
        self.write_singly(&parts).await
    }
}

/// The queries, each with the person table that it reads (none: attendance).
fn queries(wanted: &Wanted) -> Vec<(Option<PersonTable>, String)> {
    let mut queries = Vec::new();
    let addresses: Vec<&str> = wanted.addresses.iter().map(|address| address.as_str()).collect();
    for table in [PersonTable::Contact, PersonTable::Lead] {
        for run in query::chunks(&addresses) {
            queries.push((Some(table), people(table, wanted, &query::is_one_of("emailaddress1", run))));
        }
    }
    for table in [PersonTable::Contact, PersonTable::Lead] {
        let ids = wanted.people.iter().filter(|person| person.table == table);
        let ids: Vec<String> = ids.map(|person| person.id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for run in query::chunks(&ids) {
            queries.push((Some(table), people(table, wanted, &query::is_one_of(table.table().key, run))));
        }
    }
    let attendance = |filter: &str| query::select(ATTENDANCE.set, ATTENDANCE_COLUMNS, filter);
    for (event, participants) in &wanted.participants {
        let participants: Vec<&str> = participants.iter().map(String::as_str).collect();
        for run in query::chunks(&participants) {
            let of = query::is_one_of("new_participantid", run);
            queries.push((None, attendance(&format!("new_eventid eq {} and {of}", query::text(event)))));
        }
    }
    queries
}

fn people(table: PersonTable, wanted: &Wanted, filter: &str) -> String {
    let mut columns =
        vec![table.table().key, "emailaddress1", "statecode", "modifiedon", "_ownerid_value", PROFILE_STAMP];
    columns.extend(wanted.columns.get(&table).into_iter().flatten().map(String::as_str));
    query::select(table.table().set, &columns, filter)
}

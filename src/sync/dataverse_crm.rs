//! [`Crm`] on the Web API: reads in one `$batch`, creates by `CreateMultiple`, updates by a `$batch` of conditional PATCH.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    crm::{Action, Crm, Rows, Wanted, Write},
    rows::{self, ATTENDANCE, ATTENDANCE_COLUMNS, AttendanceRow, PROFILE_STAMP, PersonRow, PersonTable},
};
use crate::dataverse::{
    Client, Columns, Error, Failure, Part,
    metadata::{self, TableColumns},
    query,
};

/// Rows in one `CreateMultiple`; Microsoft's advice is 100 to 1,000 where rows are small.
const BULK: usize = 250;
/// Writes in one `$batch`. Dataverse runs them one after the other, so a longer one only risks its time-out.
const BATCH: usize = 200;

/// A Dynamics organisation.
pub struct DataverseCrm {
    client: Arc<Client>,
    me: OnceCell<Uuid>,
}

impl DataverseCrm {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, me: OnceCell::new() }
    }

    async fn create_bulk(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let Some(table) = writes.first().map(|write| write.table) else { return Ok(Vec::new()) };
        let rows: Vec<Columns> = writes.iter().map(|write| write.columns.clone()).collect();
        match self.client.create_multiple(table.set, table.name, rows).await.map_err(|error| error.failure()) {
            Ok(()) => Ok(vec![Ok(()); writes.len()]),
            Err(Failure::Refused { .. } | Failure::Conflict) => self.create_singly(writes).await,
            Err(failure) => Err(failure),
        }
    }

    /// One by one, for a bulk create that failed as a whole without saying for which row.
    async fn create_singly(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let parts: Vec<Part> =
            writes.iter().map(|write| Part::create(write.table.set, write.columns.clone())).collect();
        self.outcomes(&parts).await
    }

    async fn outcomes(&self, parts: &[Part]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let batches = try_join_all(parts.chunks(BATCH).map(|parts| self.client.batch(parts)));
        let answers = batches.await.map_err(|error| error.failure())?.concat();
        Ok(answers.into_iter().map(|answer| answer.map(drop).map_err(|error| error.failure())).collect())
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
        let bulks = writes.chunks(BULK).map(|writes| self.create_bulk(writes));
        Ok(try_join_all(bulks).await?.concat())
    }

    async fn update(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let part = |write: &&Write| match &write.action {
            Action::Update { etag } => Part::update(write.table.set, write.id, etag, write.columns.clone()),
            Action::Create => Part::create(write.table.set, write.columns.clone()),
        };
        let parts: Vec<Part> = writes.iter().map(part).collect();
        self.outcomes(&parts).await
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

//! [`Crm`] on the Web API: reads in one `$batch`, creates by `CreateMultiple`, updates by a `$batch` of conditional PATCH.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, try_join_all};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    crm::{Action, Crm, Duplicates, Paced, Rows, Wanted, Write},
    duplicates,
    lists::DataverseLists,
    rows::{self, ActivityTable, AttendanceRow, ForeignRow, Names, PersonRow, PersonTable, Table},
};
use crate::{
    dataverse::{
        Answer, BulkSize, Client, Columns, Error, Failure, MAX_PARTS, Part, ServiceError,
        definition::{self, TableDefinition},
        metadata::{self, TableColumns},
        query,
    },
    settings::{
        Prefix,
        document::{OwnPace, Pace},
    },
};

/// The most rows in one `CreateMultiple`; Microsoft's advice is 100 to 1,000 where rows are small. Those of the 256 messages that the
/// host hands over at once fit in one.
const MOST_CREATES: usize = 400;
/// The most writes in one `$batch`. Dataverse runs them one after the other, so a longer one only risks its time-out.
const MOST_WRITES: usize = 250;

/// A Dynamics organisation.
pub struct DataverseCrm {
    client: Arc<Client>,
    names: &'static Names,
    known: Arc<Known>,
}

/// What was learnt of the organisation, at whatever pace.
struct Known {
    me: OnceCell<Uuid>,
    creates: BulkSize,
    writes: BulkSize,
}

type Outcomes = Vec<Result<(), Failure>>;

impl DataverseCrm {
    /// `prefix` is what the names of the organisation's tables and columns begin with that the connector uses.
    pub fn new(client: Arc<Client>, prefix: &Prefix) -> Self {
        let (creates, writes) = (BulkSize::new(MOST_CREATES), BulkSize::new(MOST_WRITES));
        Self { client, names: Names::of(prefix), known: Arc::new(Known { me: OnceCell::new(), creates, writes }) }
    }

    /// The calls that reading this takes, where no answer has a second page.
    pub fn calls_to_load(wanted: &Wanted) -> usize {
        // Under any names they are as many.
        queries(wanted, <&Names>::default()).len().div_ceil(MAX_PARTS)
    }

    /// The calls that one step of writes takes, where none of it is refused.
    pub fn calls_to_write(writes: &[&Write]) -> usize {
        let singly = writes.iter().any(|write| write.action != Action::Create || write.detect.is_some());
        writes.len().div_ceil(if singly { MOST_WRITES } else { MOST_CREATES })
    }

    /// Creates rows of one table, all or none; what takes too long is tried again by halves.
    fn create_bulk<'a>(&'a self, writes: &'a [&Write]) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            let Some(table) = writes.first().map(|write| write.table) else { return Ok(Vec::new()) };
            let rows: Vec<Columns> = writes.iter().map(|write| write.columns.clone()).collect();
            let error = match self.client.create_multiple(table.set, table.name, rows).await {
                Ok(()) => {
                    self.known.creates.came_through(writes.len());
                    return Ok(vec![Ok(()); writes.len()]);
                }
                Err(error) => error,
            };
            if error.took_too_long() && writes.len() > 1 {
                self.known.creates.timed_out(writes.len());
                let (first, second) = writes.split_at(writes.len() / 2);
                return Ok([self.create_bulk(first).await?, self.create_bulk(second).await?].concat());
            }
            let failure = match &error {
                Error::Service(error) => self.failure(error),
                error => error.failure(),
            };
            match failure {
                // It does not say which row it was. One `$batch` does, for the price of one call more.
                Failure::Refused { .. } | Failure::Conflict | Failure::UnfitOwner => {
                    let parts: Vec<Part> = writes.iter().map(|write| part(write)).collect();
                    self.write_singly(&parts).await
                }
                failure => Err(failure),
            }
        })
    }

    /// Each write by itself, many in one call.
    async fn write_singly(&self, parts: &[Part]) -> Result<Outcomes, Failure> {
        let batches = self.known.writes.bulks(parts).map(|parts| self.write_batch(parts));
        Ok(try_join_all(batches).await?.concat())
    }

    fn write_batch<'a>(&'a self, parts: &'a [Part]) -> BoxFuture<'a, Result<Outcomes, Failure>> {
        Box::pin(async move {
            match self.client.batch(parts).await {
                Ok(answers) => {
                    let too_long = |answer: &Answer| answer.as_ref().is_err_and(ServiceError::took_too_long);
                    match answers.iter().any(too_long) {
                        true => self.known.writes.timed_out(parts.len()),
                        false => self.known.writes.came_through(parts.len()),
                    }
                    let failed = |answer: Answer| answer.map(drop).map_err(|error| self.failure(&error));
                    Ok(answers.into_iter().map(failed).collect())
                }
                Err(error) if error.took_too_long() && parts.len() > 1 => {
                    self.known.writes.timed_out(parts.len());
                    let (first, second) = parts.split_at(parts.len() / 2);
                    Ok([self.write_batch(first).await?, self.write_batch(second).await?].concat())
                }
                Err(error) => Err(error.failure()),
            }
        })
    }

    /// What a refused write means. A privilege that somebody else lacks is lacked by the owner whom the row was to get.
    fn failure(&self, error: &ServiceError) -> Failure {
        match (error.failure(), error.lacking()) {
            (Failure::Held(_), Some(principal)) if self.known.me.get().is_some_and(|me| *me != principal) => {
                Failure::UnfitOwner
            }
            (failure, _) => failure,
        }
    }
}

#[async_trait]
impl Crm for DataverseCrm {
    fn names(&self) -> &'static Names {
        self.names
    }

    async fn me(&self) -> Result<Uuid, Failure> {
        let ask =
            || async { self.client.who_am_i().await.map(|me| me.user_id).map_err(|error: Error| error.failure()) };
        self.known.me.get_or_try_init(ask).await.copied()
    }

    async fn columns(&self, table: &str) -> Result<TableColumns, Failure> {
        metadata::columns(&self.client, table).await.map_err(|error| error.failure())
    }

    async fn table(&self, name: &str) -> Result<Option<TableDefinition>, Failure> {
        definition::table(&self.client, name).await.map_err(|error| error.failure())
    }

    async fn named(&self, set: &str, key: &str, condition: &str) -> Result<Vec<Uuid>, Failure> {
        let query = format!("{}&$top=2", query::select(set, &[key], condition));
        let [answer] = &self.client.batch(&[Part::get(query)]).await.map_err(|error| error.failure())?[..] else {
            return Ok(Vec::new());
        };
        let answer = answer.as_ref().map_err(|error| error.failure())?;
        let rows = answer["value"].as_array().into_iter().flatten();
        Ok(rows.filter_map(|row| row[key].as_str()?.parse().ok()).collect())
    }

    async fn participants(
        &self,
        table: ActivityTable,
        event: &str,
        session: Option<&str>,
    ) -> Result<BTreeSet<String>, Failure> {
        let names = table.names;
        let mut filter = format!("{} eq {}", names.event_id, query::text(event));
        if let Some(session) = session {
            filter.push_str(&format!(" and {} eq {}", names.session_id, query::text(session)));
        }
        let query = query::select(table.table.set, &[names.participant_id], &filter);
        let found = self.client.read(vec![query]).await.map_err(|error| error.failure())?.concat();
        Ok(found.iter().filter_map(|row| rows::text(row, names.participant_id).map(str::to_owned)).collect())
    }

    fn keep_pace(&self, pace: &Pace) {
        self.client.allow(pace.concurrency.map(usize::from), pace.requests_per_five_minutes);
    }

    fn at_pace(&self, event: &str, own: &OwnPace) -> Result<Option<Paced>, Duration> {
        let client = self.client.part(event, own.concurrency.map(usize::from), own.requests_per_five_minutes)?;
        let client = Arc::new(client);
        let crm = Arc::new(Self { client: client.clone(), names: self.names, known: self.known.clone() });
        Ok(Some(Paced { crm, members: Arc::new(DataverseLists::new(client)) }))
    }

    fn calls_at_once(&self) -> usize {
        self.client.at_once()
    }

    async fn load(&self, wanted: &Wanted) -> Result<Rows, Failure> {
        let queries = queries(wanted, self.names);
        if queries.is_empty() {
            return Ok(Rows::default());
        }
        let (kinds, paths): (Vec<_>, Vec<_>) = queries.into_iter().unzip();
        let pages = self.client.read(paths).await.map_err(|error| error.failure())?;
        let mut rows = Rows::default();
        for (kind, found) in kinds.into_iter().zip(pages) {
            for columns in found {
                match kind {
                    Of::People(table) => rows.people.extend(PersonRow::read(table, columns, self.names)),
                    Of::Attendance(table) => rows.attendance.extend(AttendanceRow::read(table, columns)),
                    Of::Plain => {
                        let known = rows::guid(&columns, "activityid").and_then(|id| wanted.plain.get(&id));
                        let row =
                            known.and_then(|(table, key)| AttendanceRow::read_plain(*table, key.clone(), columns));
                        rows.attendance.extend(row);
                    }
                    Of::Foreign(table) => rows.foreign.extend(ForeignRow::read(table, columns)),
                    Of::Users(table) => {
                        if let Some((lead, user)) = table.user(&columns) {
                            rows.users.entry(lead).or_default().insert(user);
                        }
                    }
                }
            }
        }
        // Somebody is found by several keys and by id.
        rows.extend(Wanted::default(), Rows::default());
        Ok(rows)
    }

    /// By the bulk message, except where duplicate detection is asked for: whether that message heeds the header that turns it on is not
    /// documented.
    async fn create(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        if writes.iter().any(|write| write.detect.is_some()) {
            let parts: Vec<Part> = writes.iter().map(|write| part(write)).collect();
            return self.write_singly(&parts).await;
        }
        let bulks = self.known.creates.bulks(writes).map(|writes| self.create_bulk(writes));
        Ok(try_join_all(bulks).await?.concat())
    }

    async fn update(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let parts: Vec<Part> = writes.iter().map(|write| part(write)).collect();
        self.write_singly(&parts).await
    }

    async fn duplicates(&self, write: &Write) -> Result<Duplicates, Failure> {
        duplicates::find(&self.client, write).await.map_err(|error| error.failure())
    }
}

fn part(write: &Write) -> Part {
    let part = match &write.action {
        Action::Update { etag } => Part::update(write.table.set, write.id, etag, write.columns.clone()),
        Action::Create => Part::create(write.table.set, write.columns.clone()),
    };
    part.detecting_duplicates(write.detect.is_some())
}

/// What a query reads.
#[derive(Clone, Copy)]
enum Of {
    People(PersonTable),
    Attendance(ActivityTable),
    Plain,
    Foreign(Table),
    /// The participants whose rows regard a lead.
    Users(ActivityTable),
}

fn queries(wanted: &Wanted, names: &Names) -> Vec<(Of, String)> {
    let mut queries = Vec::new();
    let mut people = |table: PersonTable, column: &str, values: &[&str]| {
        for run in query::chunks(values) {
            queries.push((Of::People(table), people(table, wanted, names, &query::is_one_of(column, run))));
        }
    };
    for ((table, column), values) in &wanted.keyed {
        people(*table, column, &values.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for table in [PersonTable::Contact, PersonTable::Lead] {
        let of_table = wanted.people.iter().filter(|person| person.table == table);
        let ids: Vec<String> = of_table.map(|person| person.id.to_string()).collect();
        people(table, table.table().key, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let origins: Vec<String> = wanted.origins.iter().map(Uuid::to_string).collect();
    people(PersonTable::Contact, "originatingleadid", &origins.iter().map(String::as_str).collect::<Vec<_>>());
    let used: Vec<String> = wanted.used.iter().map(Uuid::to_string).collect();
    for table in &wanted.tables {
        for run in query::chunks(&used.iter().map(String::as_str).collect::<Vec<_>>()) {
            let of = query::is_one_of("regardingobjectid", run);
            queries.push((Of::Users(*table), query::select(table.table.set, &table.user_columns(), &of)));
        }
    }
    for (event, participants) in &wanted.participants {
        let (ids, table): (Vec<&str>, _) = (participants.ids.iter().map(String::as_str).collect(), participants.table);
        let columns: BTreeSet<&str> = table.reads().into_iter().chain(more(wanted, table.table)).collect();
        let columns: Vec<&str> = columns.into_iter().collect();
        for run in query::chunks(&ids) {
            let of = query::is_one_of(table.names.participant_id, run);
            let filter = format!("{} eq {} and {of}", table.names.event_id, query::text(event));
            queries.push((Of::Attendance(table), query::select(table.table.set, &columns, &filter)));
        }
    }
    for ((table, column), values) in &wanted.foreign {
        let columns: BTreeSet<&str> = more(wanted, *table).chain([table.key, column]).collect();
        let columns: Vec<&str> = columns.into_iter().collect();
        for run in query::chunks(&values.iter().map(String::as_str).collect::<Vec<_>>()) {
            let filter = query::is_one_of(column, run);
            queries.push((Of::Foreign(*table), query::select(table.set, &columns, &filter)));
        }
    }
    let mut plain: BTreeMap<ActivityTable, Vec<String>> = BTreeMap::new();
    for (id, (table, _)) in &wanted.plain {
        plain.entry(*table).or_default().push(id.to_string());
    }
    for (table, ids) in plain {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for run in query::chunks(&ids) {
            let filter = query::is_one_of(table.table.key, run);
            queries.push((Of::Plain, query::select(table.table.set, &table.reads(), &filter)));
        }
    }
    queries
}

/// The columns that are wanted of a table beside those that every row of it has.
fn more(wanted: &Wanted, table: Table) -> impl Iterator<Item = &str> {
    wanted.columns.get(&table).into_iter().flatten().map(String::as_str)
}

fn people(table: PersonTable, wanted: &Wanted, names: &Names, filter: &str) -> String {
    let more = || more(wanted, table.table());
    let always = table.columns().iter().copied().chain([names.profile_stamp]);
    let own: BTreeSet<&str> = always.chain(more()).filter(|name| !name.contains('/')).collect();
    let query = query::select(table.table().set, &own.into_iter().collect::<Vec<_>>(), filter);
    let along = more().filter_map(|name| name.split_once('/'));
    let along: Vec<String> = along.map(|(navigation, column)| format!("{navigation}($select={column})")).collect();
    if along.is_empty() { query } else { format!("{query}&$expand={}", along.join(",")) }
}

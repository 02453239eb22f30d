//! The attendance rows that an event has.

use std::collections::{BTreeSet, HashMap};

use crate::{
    dataverse::{Client, Failure, query},
    model::{Kind, Occasion, ParticipantEvent, SourceTime, event::Registration},
    sync::rows::{self, ActivityTable, AttendanceRow, Form},
};

/// The rows of one event, by participant and session.
#[derive(Debug, Default)]
pub struct Known {
    rows: HashMap<String, HashMap<Option<String>, AttendanceRow>>,
}

impl Known {
    pub fn of(rows: impl IntoIterator<Item = AttendanceRow>) -> Self {
        let mut known = Self::default();
        for row in rows {
            known.rows.entry(row.key.participant.clone()).or_default().insert(row.key.session.clone(), row);
        }
        known
    }

    /// Reads them. The platform's own tables do not say which event a row is about: of these none is known, so nobody is missing, and
    /// everything is news.
    ///
    /// # Errors
    /// When Dataverse does not give them.
    pub async fn load(client: &Client, table: ActivityTable, event: &str) -> Result<Self, Failure> {
        if table.form == Form::Plain {
            return Ok(Self::default());
        }
        let filter = format!("{} eq {}", table.names.event_id, query::text(event));
        let query = query::select(table.table.set, &table.reads(), &filter);
        let found = client.read(vec![query]).await.map_err(|error| error.failure())?;
        Ok(Self::of(found.into_iter().flatten().filter_map(|columns| AttendanceRow::read(table, columns))))
    }

    pub fn row(&self, participant: &str, session: Option<&str>) -> Option<&AttendanceRow> {
        self.rows.get(participant)?.get(&session.map(str::to_owned))
    }

    /// Whether any row of this participant is there.
    pub fn has(&self, participant: &str) -> bool {
        self.rows.contains_key(participant)
    }

    /// Who is on the list of the event, or of a session, according to the rows.
    pub fn listed(&self, session: Option<&str>) -> BTreeSet<&str> {
        let session = session.map(str::to_owned);
        let listed = self.rows.iter().filter(|(_, rows)| rows.get(&session).is_some_and(is_listed));
        listed.map(|(participant, _)| participant.as_str()).collect()
    }

    /// The sessions that have rows.
    pub fn sessions(&self) -> BTreeSet<&str> {
        self.rows.values().flat_map(HashMap::keys).filter_map(Option::as_deref).collect()
    }

    /// Whether a statement says of a row what it holds already.
    pub fn knows(&self, event: &ParticipantEvent) -> bool {
        let Some(participant) = &event.participant else { return false };
        let session = event.session.as_ref().map(|session| session.id.as_str());
        let Some(row) = self.row(&participant.id, session) else { return false };
        let state = &row.state;
        match event.kind {
            Kind::CheckedIn | Kind::CheckedOut => state.presence.accounts_for(event),
            Kind::SessionEnrolled => is_listed(row) && knows_tracks(row, event),
            Kind::Cancelled | Kind::SessionLeft => !is_listed(row),
            Kind::Scored => {
                let mut joined = state.clone();
                joined.join(event);
                joined.score == state.score
            }
            _ => false,
        }
    }

    /// When the registration of a row was last stated.
    pub fn registered(&self, participant: &str) -> Option<(Registration, SourceTime)> {
        let cell = self.row(participant, None)?.state.registration?;
        Some((cell.value, cell.time))
    }
}

/// Whether the row has the session's tracks, as far as any are stated.
fn knows_tracks(row: &AttendanceRow, event: &ParticipantEvent) -> bool {
    let stated = event.session.as_ref().and_then(Occasion::tracks);
    stated.is_none_or(|stated| rows::text(&row.columns, row.table.names.session_tracks) == Some(stated.as_str()))
}

fn is_listed(row: &AttendanceRow) -> bool {
    row.state.outcome().registration == Registration::Registered
}

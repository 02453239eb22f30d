//! Participants whom the CRM knows under an address.

use std::collections::BTreeSet;

use crate::{
    dataverse::{Client, Error, query},
    model::Address,
    sync::{
        plan::EventParticipant,
        rows::{self, ActivityTable, Form, PersonTable},
    },
};

/// The participants whose attendance rows regard a contact or lead with this address, open or not. Appointments and phone calls do not
/// say whose they are.
///
/// # Errors
/// When Dataverse does not give them.
pub async fn participants(
    client: &Client,
    tables: impl IntoIterator<Item = ActivityTable>,
    address: &Address,
) -> Result<BTreeSet<EventParticipant>, Error> {
    let has_address = query::is_one_of("emailaddress1", [address.as_str()]);
    let people = [PersonTable::Contact, PersonTable::Lead].map(PersonTable::table);
    let queries = people.map(|table| query::select(table.set, &[table.key], &has_address));
    let found = client.read(queries.into()).await?;
    let ids = people.iter().zip(found).flat_map(|(table, found)| {
        found.into_iter().filter_map(|columns| rows::guid(&columns, table.key)).map(|id| id.to_string())
    });
    let ids: Vec<String> = ids.collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut participants = BTreeSet::new();
    for table in tables.into_iter().filter(|table| table.form == Form::Stamped) {
        let names = table.names;
        let columns = [names.event_id, names.participant_id];
        let regards = |ids: Vec<&str>| query::is_one_of("regardingobjectid", ids);
        let runs = query::chunks(&ids).into_iter().map(|ids| query::select(table.table.set, &columns, &regards(ids)));
        for columns in client.read(runs.collect()).await?.concat() {
            let text = |column: &str| rows::text(&columns, column).map(str::to_owned);
            let ids = text(names.event_id).zip(text(names.participant_id));
            participants.extend(ids.map(|(event, participant)| EventParticipant { event, participant }));
        }
    }
    Ok(participants)
}

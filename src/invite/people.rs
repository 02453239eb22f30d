//! Members as the CRM has them, and the links that it keeps of them.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Member, member::naming};
use crate::{
    dataverse::{Client, Columns, Error, Failure, Part, query},
    settings::document::Target,
};

/// Ids in one query. Some of them make a call.
const IDS: usize = 1_000;

/// Reads people by id; who is not there, or hidden, is not among them.
pub async fn read(
    client: &Client,
    table: Target,
    ids: &[Uuid],
    link: Option<&str>,
) -> Result<HashMap<Uuid, Member>, Error> {
    let (set, key) = naming(table);
    let columns = Member::columns(table, link);
    let of = |ids: &[Uuid]| {
        let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        let filter = query::is_one_of(key, ids.iter().map(String::as_str));
        format!("{set}?$select={columns}&$filter={}", query::encode(&filter))
    };
    let rows = client.read(ids.chunks(IDS).map(of).collect()).await?;
    let members = rows.iter().flatten().filter_map(|row| Member::read(table, row, link));
    Ok(members.map(|member| (member.id, member)).collect())
}

/// What became of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Kept,
    /// Somebody changed the row meanwhile, or the call may come through later.
    NotYet,
    Refused,
}

/// Writes links into rows that are still as they were read; a row that has its link already is left alone.
pub async fn write_links(client: &Client, column: &str, links: &[(&Member, String)]) -> Result<Vec<Written>, Error> {
    let differs = |(member, link): &&(&Member, String)| member.link.as_ref() != Some(link);
    let part = |(member, link): &(&Member, String)| {
        let columns = Columns::from_iter([(column.to_owned(), link.as_str().into())]);
        Part::update(naming(member.table).0, member.id, &member.etag, columns)
    };
    let parts: Vec<Part> = links.iter().filter(differs).map(part).collect();
    let mut answers = match parts.is_empty() {
        true => Vec::new(),
        false => client.batch(&parts).await?,
    }
    .into_iter();
    let written = links.iter().map(|link| {
        if !differs(&link) {
            return Ok(Written::Kept);
        }
        match answers.next() {
            Some(Ok(_)) => Ok(Written::Kept),
            Some(Err(error)) => match error.failure() {
                Failure::Refused { .. } | Failure::Duplicate { .. } | Failure::UnfitOwner => Ok(Written::Refused),
                Failure::Held(_) => Err(error.into()),
                Failure::Transient { .. } | Failure::Conflict => Ok(Written::NotYet),
            },
            None => Ok(Written::NotYet),
        }
    });
    written.collect()
}

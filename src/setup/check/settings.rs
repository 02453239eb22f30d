//! What an environment does not allow of a settings document.

use std::sync::Arc;

use super::{
    super::present,
    privileges::{ApplicationUser, Granted, lacking},
};
use crate::{
    dataverse::{
        Client, Error, Failure, Hold,
        metadata::{self, ColumnKind},
    },
    invite,
    settings::document::{Document, EventSettings, Principal, Problem},
    sync::{
        DataverseCrm, Surroundings,
        lists::{DataverseLists, ListProblem},
        rows::PersonTable,
        rules::{self, Rules},
    },
};

/// Everything that is wrong with it over the environment's tables, columns, choices, rows and lists, and over what the connector may do
/// with them. With `doubts` also what may turn out to be wrong with some values.
///
/// # Errors
/// When the environment cannot be asked.
pub async fn problems(
    client: &Arc<Client>,
    connector: ApplicationUser,
    document: &Document,
    doubts: bool,
) -> Result<Vec<Problem>, Failure> {
    let mut problems = privileges(client, connector, document).await.map_err(|error| error.failure())?;
    match misfits(client, document, doubts).await {
        Ok(misfits) => problems.extend(misfits),
        // Which one is missing was said.
        Err(Failure::Held(Hold::Privilege)) if !problems.is_empty() => {}
        Err(failure) => return Err(failure),
    }
    Ok(problems)
}

/// The privileges that the settings need and the connector lacks. Nothing where a person signs in who does not see the connector's user.
async fn privileges(client: &Client, connector: ApplicationUser, document: &Document) -> Result<Vec<Problem>, Error> {
    let Some(user) = connector.user(client).await? else { return Ok(Vec::new()) };
    match Granted::of(client, user).await {
        Ok(granted) => lacking(client, &granted, document).await,
        Err(error) if error.failure() == Failure::Held(Hold::Privilege) => {
            let problem = "what the application user may do cannot be read";
            let remedy = "Give whoever signs in the privilege prvReadRole, as the connector's role has it.";
            Ok(vec![Problem::new("defaults".to_owned(), problem, remedy)])
        }
        Err(error) => Err(error),
    }
}

/// The same without what one may do.
///
/// # Errors
/// When the environment cannot be asked.
pub async fn misfits(client: &Arc<Client>, document: &Document, doubts: bool) -> Result<Vec<Problem>, Failure> {
    let around = Surroundings::look(document, true, &DataverseCrm::new(client.clone(), &document.prefix)).await?;
    let mut problems = Rules::new(document, &around).err().unwrap_or_default();
    if doubts {
        problems.extend(rules::doubts(document, &around));
    }
    problems.extend(owners(client, document).await.map_err(|error| error.failure())?);
    problems.extend(lists(client, document).await?);
    problems.extend(invitation_lists(client, document).await?);
    Ok(problems)
}

/// The sets of settings of a document that say something of their own about this one, with their places.
fn own<'a>(document: &'a Document, setting: &'a str) -> impl Iterator<Item = (String, EventSettings)> + 'a {
    let events = document.events.iter().filter(move |(_, own)| own.contains_key(setting));
    let events = events.map(|(event, _)| (format!("events.{event}"), document.effective(event)));
    std::iter::once(("defaults".to_owned(), document.defaults.clone())).chain(events)
}

/// Which owners that stand in for others are nobody.
async fn owners(client: &Client, document: &Document) -> Result<Vec<Problem>, Error> {
    let mut problems = Vec::new();
    for (place, settings) in own(document, "fallback_owner") {
        let (kind, set, id) = match &settings.fallback_owner {
            None => continue,
            Some(Principal::User(id)) => ("user", "systemusers", id),
            Some(Principal::Team(id)) => ("team", "teams", id),
        };
        let key = set.trim_end_matches('s').to_owned() + "id";
        if present::rows(client, set, &[&key], &format!("{key} eq {id}")).await?.is_empty() {
            let problem = format!("there is no such {kind}, or the application user may not read it");
            let remedy = "Correct the id, or leave the setting out: then the application user owns such rows.";
            problems.push(Problem::new(format!("{place}.fallback_owner"), problem, remedy));
        }
    }
    Ok(problems)
}

/// Which of the lists whose members are invited cannot be read, and which columns for links are none.
async fn invitation_lists(client: &Arc<Client>, document: &Document) -> Result<Vec<Problem>, Failure> {
    let mut problems = Vec::new();
    let own = document.events.iter().filter(|(_, own)| own.contains_key("invitations"));
    for (event, settings) in own.map(|(event, _)| (event, document.effective(event).invitations)) {
        let place = format!("events.{event}.invitations");
        let found = match settings.lists.is_empty() {
            true => Vec::new(),
            false => invite::look(client, &settings.lists).await.map_err(|error| error.failure())?,
        };
        let troubles =
            found.iter().enumerate().filter_map(|(index, found)| Some((index, found.as_ref().err()?.told())));
        problems.extend(
            troubles.map(|(index, (problem, remedy))| Problem::new(format!("{place}.lists[{index}]"), problem, remedy)),
        );
        let link = settings.link.unwrap_or_default();
        for (table, column) in [("contact", link.contact), ("lead", link.lead)] {
            let Some(column) = column else { continue };
            let columns = metadata::columns(client, table).await.map_err(|error| error.failure())?;
            let fits = columns.get(&column).is_some_and(|column| {
                column.updatable && matches!(column.kind, ColumnKind::Text { .. } | ColumnKind::Memo { .. })
            });
            if !fits {
                let problem = format!("{table} has no text column {column} that can be written");
                problems.push(Problem::new(
                    format!("{place}.link.{table}"),
                    problem,
                    "Correct the name, or add the column.",
                ));
            }
        }
    }
    Ok(problems)
}

/// Which of the marketing lists that the document names take nobody.
async fn lists(client: &Arc<Client>, document: &Document) -> Result<Vec<Problem>, Failure> {
    let (kept, mut problems) = (DataverseLists::new(client.clone()), Vec::new());
    for (place, settings) in own(document, "list_rules") {
        for (index, rule) in settings.list_rules.iter().enumerate() {
            for (field, list, kind) in [
                ("contact_list", rule.contact_list, PersonTable::Contact),
                ("lead_list", rule.lead_list, PersonTable::Lead),
            ] {
                let Some(list) = list else { continue };
                let problem = match kept.look(list).await.map_err(|error| error.failure())? {
                    None => Some(ListProblem::Missing),
                    Some(row) => row.problem.or((row.members != Some(kind)).then_some(ListProblem::WrongType)),
                };
                problems.extend(problem.map(|problem| {
                    let (problem, remedy) = problem.told();
                    Problem::new(format!("{place}.list_rules[{index}].{field}"), problem, remedy)
                }));
            }
        }
    }
    Ok(problems)
}

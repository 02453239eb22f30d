//! What an environment does not allow of a settings document.

use std::sync::Arc;

use crate::{
    dataverse::{
        Client, Failure,
        metadata::{self, ColumnKind},
    },
    invite,
    settings::document::{Document, Problem},
    sync::{
        DataverseCrm, Surroundings,
        lists::{DataverseLists, ListProblem},
        rows::PersonTable,
        rules::{self, Rules},
    },
};

/// Everything that is wrong with it over the environment's tables, columns, choices, rows and lists. With `doubts` also what may turn
/// out to be wrong with some values.
///
/// # Errors
/// When the environment cannot be asked.
pub async fn problems(client: &Arc<Client>, document: &Document, doubts: bool) -> Result<Vec<Problem>, Failure> {
    let around = Surroundings::look(document, true, &DataverseCrm::new(client.clone(), &document.prefix)).await?;
    let mut problems = Rules::new(document, &around).err().unwrap_or_default();
    if doubts {
        problems.extend(rules::doubts(document, &around));
    }
    problems.extend(lists(client, document).await?);
    problems.extend(invitation_lists(client, document).await?);
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
    let mut places = vec![("defaults".to_owned(), document.defaults.clone())];
    let own = document.events.iter().filter(|(_, own)| own.contains_key("list_rules"));
    places.extend(own.map(|(event, _)| (format!("events.{event}"), document.effective(event))));
    for (place, settings) in places {
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

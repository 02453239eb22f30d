//! Dataverse as the connector meets it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{
    super::{
        challenge,
        compare::{self, Found},
        definition::{ActivityTable, Column, Solution, Wanted},
        present,
        role::ROLE,
    },
    Line,
    privileges::{Granted, lacking},
    settings::misfits,
};
use crate::{
    dataverse::{Client, Credential, Error, Failure, WhoAmI, definition},
    settings::{DataverseSettings, Prefix, document::Document},
    sync::{rows::Form, rules},
};

/// Client assertions and tokens bear no more difference of clocks.
const MOST_SKEW: SignedDuration = SignedDuration::from_mins(5);
const PATIENCE: Duration = Duration::from_secs(20);

/// What is wrong, in words, with the remedy where there is one.
fn told(error: &Error) -> String {
    match error.failure() {
        Failure::Held(hold) => format!("{error}. {}", hold.remedy()),
        _ => error.to_string(),
    }
}

/// Whether the address is that of an environment of Dynamics 365 online, and the clocks agree.
pub async fn address(http: &reqwest::Client, settings: &DataverseSettings, now: Timestamp) -> Vec<Line> {
    const NAME: &str = "address";
    let url = &settings.url;
    let asked = challenge::ask(http, url).await;
    if asked.as_ref().is_ok_and(challenge::Challenge::is_on_premises) || !challenge::is_online(url) {
        let why = format!(
            "{url} is not an environment of Dynamics 365 online. Dynamics 365 on-premises signs in with AD FS, which the \
             connector does not support: move to Dynamics 365 online, and set DATAVERSE_URL to its address, such as \
             https://contoso.crm4.dynamics.com."
        );
        return vec![Line::wrong(NAME, why)];
    }
    let challenge = match asked {
        Ok(challenge) => challenge,
        Err(why) => {
            return vec![Line::wrong(NAME, format!("{why}. Correct DATAVERSE_URL, or let this machine reach it."))];
        }
    };
    let clock = match challenge.skew(now) {
        Some(skew) if skew.abs() > MOST_SKEW => {
            let (seconds, side) = (skew.abs().as_secs(), if skew.is_positive() { "ahead" } else { "behind" });
            Line::wrong("clock", format!("This machine's clock is {seconds} s {side} of Dataverse's: set it right."))
        }
        Some(_) => Line::ok("clock", "agrees with Dataverse's"),
        None => Line::not_checked("clock", "Dataverse did not say what time it is."),
    };
    vec![Line::ok(NAME, format!("{url} answers")), clock]
}

/// Whether the application's credential can be had, a token is given, and the environment knows the application.
pub async fn credentials(client: &Client, credential: Option<&Credential>) -> (Vec<Line>, Option<WhoAmI>) {
    let mut lines = vec![match credential {
        None => Line::ok("secret", "none needed"),
        Some(credential) => match tokio::time::timeout(PATIENCE, credential.check()).await {
            Ok(Ok(())) => Line::ok("secret", format!("the {} can be had", credential.name())),
            Ok(Err(error)) => Line::wrong("secret", told(&error.into())),
            Err(_) => Line::wrong(
                "secret",
                format!("The place of the {} does not answer. Let this machine reach it.", credential.name()),
            ),
        },
    }];
    let me = match client.who_am_i().await {
        Ok(me) => {
            lines.push(Line::ok("token", "is given"));
            lines.push(Line::ok("application user", format!("is the user {}", me.user_id)));
            Some(me)
        }
        Err(error @ Error::Token(_)) => {
            lines.push(Line::wrong("token", told(&error)));
            None
        }
        Err(error) => {
            lines.push(Line::ok("token", "is given"));
            lines.push(Line::wrong("application user", told(&error)));
            None
        }
    };
    (lines, me)
}

/// Privileges, and tables with their columns, choices and keys.
///
/// # Errors
/// Never: what cannot be asked is a line of its own.
pub async fn environment(client: &Arc<Client>, me: &WhoAmI, document: &Document) -> Vec<Line> {
    let mut lines = vec![privileges(client, me, document).await];
    lines.extend(tables(client, document).await);
    lines
}

/// The privileges that the role has, and those beyond it that the settings need.
async fn privileges(client: &Client, me: &WhoAmI, document: &Document) -> Line {
    const NAME: &str = "privileges";
    let granted = match Granted::of(client, me.user_id).await {
        Ok(granted) => granted,
        Err(error) => return Line::wrong(NAME, format!("They cannot be read (prvReadRole). {}", told(&error))),
    };
    let role = Solution::new(&Wanted::default()).map(|solution| solution.role.privileges).unwrap_or_default();
    let lists = rules::all(document).iter().any(|settings| !settings.list_rules.is_empty());
    let needed = role.iter().filter(|privilege| lists || !privilege.name.ends_with("List"));
    let missing: Vec<&str> = needed.map(|privilege| privilege.name).filter(|name| !granted.has(name)).collect();
    if !missing.is_empty() {
        return Line::wrong(
            NAME,
            format!(
                "The application user lacks {}. Give it the role {ROLE}, as `setup dataverse --application-user` does, or add them to its role.",
                missing.join(", ")
            ),
        );
    }
    match lacking(client, &granted, document).await {
        Ok(problems) if problems.is_empty() => Line::ok(NAME, "all that the role and the settings need are there"),
        Ok(problems) => Line::wrong(NAME, problems.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        Err(error) => Line::wrong(NAME, told(&error)),
    }
}

/// The tables that events are written to, against the definition; then what the settings need of them.
pub async fn tables(client: &Arc<Client>, document: &Document) -> Vec<Line> {
    let mut lines = Vec::new();
    let names: BTreeSet<String> = rules::all(document).into_iter().map(|settings| settings.activity_table).collect();
    for name in names.iter().filter(|name| Form::of(name) == Form::Stamped) {
        lines.push(match present::table(client, name).await {
            Err(error) => Line::wrong("activity table", format!("{name} cannot be read. {}", told(&error))),
            Ok(None) => missing_table(name, other_prefix(client, document, name).await),
            Ok(Some(present)) => {
                let table = ActivityTable::new(&document.prefix, name, None);
                let mut problems = columns(&table.columns, &present.columns);
                if !present.is_activity {
                    problems.push(format!("{name} is no table of activities."));
                }
                let index = present.keys.iter().find(|key| key.logical_name == table.key.name);
                match (compare::key(&table.key, &present.keys), index.map(|key| key.status.as_str())) {
                    (Found::Right, Some("Failed")) => {
                        problems.push(format!("The index of the key {} could not be made.", table.key.name));
                    }
                    (Found::Right, _) => {}
                    _ => problems.push(format!("The key {} is missing.", table.key.name)),
                }
                verdict("activity table", name, problems)
            }
        });
    }
    for name in ["contact", "lead"] {
        lines.push(match present::table(client, name).await {
            Err(error) => Line::wrong("table", format!("{name} cannot be read. {}", told(&error))),
            Ok(None) => missing_table(name, None),
            Ok(Some(present)) => {
                let solution = Solution::new(&Wanted { prefix: document.prefix.clone(), ..Wanted::default() });
                let extended = solution.iter().flat_map(|solution| &solution.extended).find(|table| table.name == name);
                let own = extended.into_iter().flat_map(|table| &table.columns);
                // The others are needed only where settings map to them.
                let stamp: Vec<Column> =
                    own.filter(|column| column.name == document.prefix.profile_stamp()).cloned().collect();
                verdict("table", name, columns(&stamp, &present.columns))
            }
        });
    }
    lines.push(match misfits(client, document, true).await {
        Ok(problems) if problems.is_empty() => Line::ok("settings", "the environment has all that they name"),
        Ok(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Line::wrong("settings", format!("{} {RESTORE}", problems.join(" ")))
        }
        Err(failure) => Line::wrong(
            "settings",
            match failure {
                Failure::Held(hold) => hold.remedy().to_owned(),
                _ => "Dataverse does not tell its definitions.".to_owned(),
            },
        ),
    });
    let lists = rules::all(document).iter().any(|settings| !settings.list_rules.is_empty());
    lines.push(match definition::table(client, "list").await {
        Ok(Some(_)) => Line::ok("marketing lists", "are there"),
        Ok(None) if lists => Line::wrong(
            "marketing lists",
            "The environment has none, and the settings have list_rules. Install Dynamics 365 Sales, or remove the rules.",
        ),
        Ok(None) => Line::ok("marketing lists", "the environment has none, and none are needed"),
        Err(error) => Line::wrong("marketing lists", told(&error)),
    });
    lines
}

const RESTORE: &str = "`setup dataverse` makes columns of the connector that are missing.";

/// `instead` is the prefix under which the environment has a table like it.
fn missing_table(name: &str, instead: Option<Prefix>) -> Line {
    let remedy = match instead {
        _ if name == "lead" => "Install Dynamics 365 Sales.".to_owned(),
        Some(prefix) => format!(
            "It has {}: set the app setting DATAVERSE_PREFIX to {prefix}, or run `setup dataverse` with the prefix that is set.",
            prefix.activity_table()
        ),
        None => "Run `setup dataverse`.".to_owned(),
    };
    Line::wrong("table", format!("The environment has no table {name}. {remedy}"))
}

/// The prefix under which somebody set the environment up, where the connector's own table is not there under the one that is set.
async fn other_prefix(client: &Client, document: &Document, missing: &str) -> Option<Prefix> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Table {
        logical_name: String,
    }
    if missing != document.prefix.activity_table() {
        return None;
    }
    let activities = "EntityDefinitions?$select=LogicalName&$filter=IsActivity eq true";
    let tables = present::get(client, activities.to_owned()).await.ok()?["value"].take();
    let tables: Vec<Table> = serde_json::from_value(tables).ok()?;
    let mut prefixes: Vec<Prefix> = tables
        .iter()
        .filter_map(|table| table.logical_name.split_once('_')?.0.parse().ok())
        .filter(|prefix: &Prefix| tables.iter().any(|table| table.logical_name == prefix.activity_table()))
        .collect();
    prefixes.sort();
    prefixes.into_iter().next()
}

fn verdict(kind: &'static str, table: &str, problems: Vec<String>) -> Line {
    if problems.is_empty() {
        return Line::ok(kind, format!("{table} has all that is needed"));
    }
    Line::wrong(kind, format!("{table}: {} {RESTORE}", problems.join(" ")))
}

fn columns(wanted: &[Column], present: &crate::dataverse::metadata::TableColumns) -> Vec<String> {
    let problem = |column: &Column| match compare::column(column, present.get(&column.name)) {
        Found::Right => None,
        Found::Missing => Some(format!("The column {} is missing.", column.name)),
        Found::Lacks(options) => {
            let labels: Vec<&str> = options.iter().map(|(_, label)| *label).collect();
            Some(format!("The choice {} lacks {}.", column.name, labels.join(", ")))
        }
        Found::Differs { problem, remedy } => Some(format!("The column {}: {problem}. {remedy}", column.name)),
    };
    wanted.iter().filter_map(problem).collect()
}

//! What a table is: its names, whether it is an activity, and where its lookups lead (Microsoft: "Query table definitions using the
//! Web API"). The names of sets and navigation properties follow no rule that could be relied on.

use std::collections::BTreeSet;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Client, Error, Part, query};

/// A table's definition, as far as rows of it are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableDefinition {
    /// The name of its rows' set in a URL.
    pub set: String,
    /// The column with a row's id.
    pub key: String,
    pub is_activity: bool,
    /// The logical names of its columns.
    pub columns: BTreeSet<String>,
    pub lookups: Vec<LookupDefinition>,
}

/// One way that a lookup column leads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LookupDefinition {
    #[serde(rename = "ReferencingAttribute")]
    pub column: String,
    /// The logical name of the table that it leads to.
    #[serde(rename = "ReferencedEntity")]
    pub table: String,
    /// What a bind calls it.
    #[serde(rename = "ReferencingEntityNavigationPropertyName")]
    pub navigation: String,
}

impl TableDefinition {
    /// The navigation property by which a column leads to a table. Activity tables have two, of which the one with the table's name as
    /// suffix is their own.
    pub fn navigation(&self, column: &str, table: &str) -> Option<&str> {
        let leads = |lookup: &&LookupDefinition| lookup.column == column && lookup.table == table;
        self.lookups.iter().filter(leads).map(|lookup| lookup.navigation.as_str()).max_by_key(|name| name.len())
    }
}

/// Reads a table's definition in one `$batch`; `None` when there is no such table.
///
/// # Errors
/// When the call failed, or the application user may not read definitions.
pub async fn table(client: &Client, name: &str) -> Result<Option<TableDefinition>, Error> {
    let table = format!("EntityDefinitions(LogicalName={})", query::text(name));
    let parts = [
        format!("{table}?$select=EntitySetName,PrimaryIdAttribute,IsActivity"),
        format!("{table}/Attributes?$select=LogicalName"),
        format!(
            "{table}/ManyToOneRelationships?$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
        ),
    ];
    let mut answers = client.batch(&parts.map(Part::get)).await?.into_iter();
    let mut next = || answers.next().ok_or(Error::Protocol(UNREADABLE));
    let about: About = match next()? {
        Err(error) if error.status == 404 => return Ok(None),
        answer => read(answer?)?,
    };
    let columns: Listed<Column> = read(next()??)?;
    let lookups: Listed<LookupDefinition> = read(next()??)?;
    Ok(Some(TableDefinition {
        set: about.entity_set_name,
        key: about.primary_id_attribute,
        is_activity: about.is_activity,
        columns: columns.value.into_iter().map(|column| column.logical_name).collect(),
        lookups: lookups.value,
    }))
}

const UNREADABLE: &str = "a table definition cannot be read";

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Error> {
    serde_json::from_value(answer).map_err(|_| Error::Protocol(UNREADABLE))
}

#[derive(Deserialize)]
struct Listed<T> {
    value: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct About {
    entity_set_name: String,
    primary_id_attribute: String,
    #[serde(default)]
    is_activity: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Column {
    logical_name: String,
}

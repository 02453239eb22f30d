//! What an environment has of the definition.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::dataverse::{
    Client, Error, Part,
    metadata::{self, TableColumns},
    query,
};

/// A table as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct PresentTable {
    pub is_activity: bool,
    pub audited: bool,
    pub columns: TableColumns,
    pub keys: Vec<PresentKey>,
}

/// An alternate key as it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PresentKey {
    pub logical_name: String,
    pub key_attributes: Vec<String>,
    /// `Active`, `Pending`, `InProgress` or `Failed`.
    #[serde(rename = "EntityKeyIndexStatus")]
    pub status: String,
}

/// The path of a table's definition.
pub fn path(table: &str) -> String {
    format!("EntityDefinitions(LogicalName={})", query::text(table))
}

/// Reads a table; `None` when there is none of this name.
///
/// # Errors
/// When a call failed, or definitions may not be read.
pub async fn table(client: &Client, name: &str) -> Result<Option<PresentTable>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct About {
        #[serde(default)]
        is_activity: bool,
        is_audit_enabled: Option<Managed>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Managed {
        value: bool,
    }
    let table = path(name);
    let [about, keys] = two(client, [format!("{table}?$select=IsActivity,IsAuditEnabled"), keys_path(name)]).await?;
    let about: About = match about {
        Err(error) if error.status == 404 => return Ok(None),
        about => read(about?)?,
    };
    Ok(Some(PresentTable {
        is_activity: about.is_activity,
        audited: about.is_audit_enabled.is_some_and(|managed| managed.value),
        columns: metadata::columns(client, name).await?,
        keys: read::<Listed<PresentKey>>(keys?)?.value,
    }))
}

/// The alternate keys of a table.
///
/// # Errors
/// When the call failed.
pub async fn keys(client: &Client, table: &str) -> Result<Vec<PresentKey>, Error> {
    Ok(read::<Listed<PresentKey>>(get(client, keys_path(table)).await?)?.value)
}

fn keys_path(table: &str) -> String {
    format!("{}/Keys?$select=LogicalName,KeyAttributes,EntityKeyIndexStatus", path(table))
}

/// The rows that meet a filter.
///
/// # Errors
/// When the call failed.
pub async fn rows(client: &Client, set: &str, columns: &[&str], filter: &str) -> Result<Vec<Value>, Error> {
    let pages = client.read(vec![query::select(set, columns, filter)]).await?;
    Ok(pages.into_iter().flatten().map(Value::Object).collect())
}

/// One `GET`.
///
/// # Errors
/// When the call failed.
pub async fn get(client: &Client, path: String) -> Result<Value, Error> {
    let answer = client.batch(&[Part::get(path)]).await?.pop();
    Ok(answer.ok_or(Error::Protocol("the batch answer is empty"))??)
}

type Answers<const N: usize> = [Result<Value, crate::dataverse::ServiceError>; N];

async fn two(client: &Client, paths: [String; 2]) -> Result<Answers<2>, Error> {
    let answers = client.batch(&paths.map(Part::get)).await?;
    answers.try_into().map_err(|_| Error::Protocol("the batch answer has another number of parts than the request"))
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Error> {
    serde_json::from_value(answer).map_err(|_| Error::Protocol("a definition cannot be read"))
}

#[derive(Deserialize)]
struct Listed<T> {
    value: Vec<T>,
}

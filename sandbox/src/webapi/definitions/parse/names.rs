//! Rules for the names of definitions.

use crate::errors::{ApiError, ApiResult};
use crate::records::Session;

/// What is given a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::webapi::definitions) enum Named {
    Table,
    Column,
    Key,
    Choice,
    OneToMany,
    ManyToMany,
}

impl Named {
    fn kind(self) -> &'static str {
        match self {
            Self::Table => "Entity",
            Self::Column => "Attribute",
            Self::Key => "EntityKey",
            Self::Choice => "OptionSet",
            Self::OneToMany | Self::ManyToMany => "EntityRelationship",
        }
    }

    fn longest(self) -> usize {
        match self {
            Self::Table => 64,
            Self::Column => 50,
            _ => 100,
        }
    }
}

/// Refuses a schema name that the platform would not take.
pub(in crate::webapi::definitions) fn check_name(session: &Session<'_>, what: Named, name: &str) -> ApiResult<()> {
    let kind = what.kind();
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        let message =
            format!("Identifier {name} for type {kind} can only consist of alpha-numeric and underscore characters.");
        return Err(ApiError::new(400, "0x80044364", message));
    }
    if name.starts_with(|first: char| !first.is_ascii_alphabetic()) {
        let message = format!(
            "Identifers should start with a letter. The schema name {name} for type {kind} doesn't start with letter."
        );
        return Err(ApiError::new(400, "0x80044365", message));
    }
    if name.len() > what.longest() {
        let message = format!(
            "Identifiers cannot be more than {longest} characters long. The provided schema name {name} length for type \
             {kind} is greater than maxlength {longest} characters.",
            longest = what.longest()
        );
        return Err(ApiError::new(400, "0x80044367", message));
    }
    // What Microsoft's client calls a lookup's relationship begins with the name of any table.
    if what == Named::OneToMany {
        return Ok(());
    }
    let prefix = name.split_once('_').map_or("", |(prefix, _)| prefix);
    if prefix.is_empty() || !prefixes(session)?.iter().any(|known| known.eq_ignore_ascii_case(prefix)) {
        let message = format!(
            "The schema name {name} for type {kind} is invalid or missing.Custom attribute, entity, entitykey, option \
             set and relationship names must start with a valid customization prefix.The prefix for a solution \
             component should match the prefix that is specified for the publisher of the solution."
        );
        return Err(ApiError::new(400, "0x80044366", message));
    }
    Ok(())
}

/// The prefixes of all publishers.
fn prefixes(session: &Session<'_>) -> ApiResult<Vec<String>> {
    let Some(publishers) = session.data.schema.table("publisher") else { return Ok(Vec::new()) };
    let Some(column) = publishers.column("customizationprefix") else { return Ok(Vec::new()) };
    let rows = session.data.store.select(&crate::query::Query::all(publishers.clone()))?;
    Ok(rows.iter().filter_map(|row| row[column].text().map(str::to_owned)).collect())
}

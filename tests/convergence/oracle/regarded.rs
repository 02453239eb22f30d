//! Whom a row regards, and what it takes from that person and from the settings: owner, account, campaign.

use std::collections::BTreeSet;

use inevent_d365::dataverse::Columns;
use uuid::Uuid;

use super::{
    people::{Person, text},
    settings::Rules,
};
use crate::{
    Table,
    crm::{CAMPAIGN, LEFT, LOOKUP, ME, TEAM},
};

/// Whom a row may regard, and whose it is.
pub struct Regarded {
    pub people: BTreeSet<Option<Person>>,
    pub owner: OwnedBy,
}

/// Who owns a row: whoever owns the person now, or whoever owned the row before something befell people.
#[derive(Debug)]
pub enum OwnedBy {
    Theirs,
    Kept(Principal),
    /// The row may have moved away and come back.
    Either(Principal),
}

/// A user or a team.
pub type Principal = (String, Uuid);

impl From<BTreeSet<Option<Person>>> for Regarded {
    fn from(people: BTreeSet<Option<Person>>) -> Self {
        Self { people, owner: OwnedBy::Theirs }
    }
}

/// Where a lookup leads.
pub fn leads_to(row: &Columns, column: &str) -> Option<(String, Uuid)> {
    let table = text(row, &format!("_{column}_value{LOOKUP}"))?.to_owned();
    Some((table, text(row, &format!("_{column}_value"))?.parse().ok()?))
}

/// Who owns a row, of an activity or of a person.
pub fn owner(row: &Columns) -> Option<Principal> {
    leads_to(row, "ownerid")
}

/// The contact or lead that a row regards.
pub fn regards(row: &Columns) -> Option<Person> {
    let (table, id) = leads_to(row, "regardingobjectid")?;
    Some((if table == "lead" { "lead" } else { "contact" }, id))
}

/// Holds the lookups of a row against those who may be regarded.
pub fn compare(row: &Columns, allowed: &Regarded, rules: Rules, crm: &Table) -> Result<(), String> {
    let regarded = regards(row);
    if !allowed.people.contains(&regarded) {
        let person = regarded.and_then(|person| crm.get(&person));
        return Err(format!("regards {regarded:?}, not {:?}: {person:?}", allowed.people));
    }
    let person = regarded.map(|person| &crm[&person]);
    let theirs = match person.and_then(owner) {
        Some((_, LEFT)) if rules.fallback => ("team".to_owned(), TEAM),
        Some((_, LEFT)) | None => ("systemuser".to_owned(), ME),
        Some(owner) => owner,
    };
    // A lead has a company's name, and no account of this kind; a contact's company may be another contact.
    let account = person.and_then(|person| leads_to(person, "parentcustomerid"));
    let account = account.filter(|(table, _)| rules.lookups && table == "account");
    let campaign = rules.lookups.then(|| ("campaign".to_owned(), CAMPAIGN));
    let found = owner(row).unwrap();
    let owned = match &allowed.owner {
        OwnedBy::Theirs => found == theirs,
        OwnedBy::Kept(before) => found == *before,
        OwnedBy::Either(before) => found == theirs || found == *before,
    };
    if !owned {
        return Err(format!("is owned by {found:?}, not {:?}, where {theirs:?} owns the person", allowed.owner));
    }
    let own = [("new_accountid", account), ("new_campaignid", campaign)];
    for (column, expected) in own {
        let found = leads_to(row, column);
        if found != expected {
            return Err(format!("has {found:?} as {column}, not {expected:?}"));
        }
    }
    Ok(())
}

//! Whom the rows of a participant regard, and what they take from that person: owner and account.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::{Context, people::People, row::Draft};
use crate::{
    dataverse::Columns,
    model::{
        Address,
        stamp::{Cell, Fingerprint},
    },
    sync::{
        activity::{ACCOUNT, ACCOUNT_OF_CONTACT, ActivityRules},
        crm::Rows,
        rows::{self, ADDRESS, OWNER_BIND, Owner, PersonRef},
    },
};

/// Whom the rows are to regard.
pub struct Regarded {
    pub address: Fingerprint,
    pub person: PersonRef,
    /// The person does not exist yet.
    pub new: bool,
    owner: Option<Owner>,
    /// What rows remember as the person's owner.
    owned: Option<Fingerprint>,
    account: Option<Uuid>,
    /// The person themselves was read, or is being made.
    read: bool,
}

/// The person of the latest address that was stated about any of the rows.
///
/// Where nobody in this batch stated it, the row that holds it says who that is, unless somebody cleared that row: then it is the
/// latest address of this batch.
pub fn regarded<'a>(
    drafts: impl Iterator<Item = &'a Draft<'a>>,
    addresses: &BTreeMap<Fingerprint, Address>,
    people: &People,
    rows: &Rows,
    rules: &ActivityRules,
) -> Option<Regarded> {
    let mut stated: Vec<(Cell<Fingerprint>, &Draft<'_>)> =
        drafts.filter_map(|draft| Some((draft.details.ledger.get(ADDRESS)?, draft))).collect();
    stated.sort_by_key(|(cell, _)| std::cmp::Reverse(*cell));
    let latest = stated.first()?.0.value;
    stated.into_iter().find_map(|(cell, draft)| {
        if let Some(person) = addresses.get(&cell.value).and_then(|address| people.get(address)) {
            let columns = rows.person(person.person).map(|row| &row.columns);
            let account = columns.and_then(|columns| account(columns, ACCOUNT_OF_CONTACT));
            let owned = person.owner.as_ref().map(Owner::fingerprint);
            let (owner, new) = (person.owner.clone(), person.new);
            return Some(Regarded {
                address: cell.value,
                person: person.person,
                new,
                owner,
                owned,
                account,
                read: true,
            });
        }
        let row = draft.stored.filter(|row| cell.value == latest && row.details.regards == Some(latest))?;
        let account = rules.account.as_ref().and_then(|lookup| account(&row.columns, &lookup.column));
        let (owner, owned) = (row.owner.clone(), row.details.owner);
        Some(Regarded { address: latest, person: row.regarding?, new: false, owner, owned, account, read: false })
    })
}

/// The account in a lookup, which may lead to a contact instead.
fn account(columns: &Columns, lookup: &str) -> Option<Uuid> {
    rows::guid(columns, lookup).filter(|_| rows::lookup_table(columns, lookup) == Some(ACCOUNT.name))
}

impl Regarded {
    /// Binds a row to the person, to their account and to their owner.
    pub fn bind(&self, draft: &mut Draft<'_>, rules: &ActivityRules, context: &Context, columns: &mut Columns) {
        draft.details.regards = Some(self.address);
        let table = self.person.table.table();
        let person = format!("/{}({})", table.set, self.person.id);
        columns.insert(rules.table.regarding(self.person.table).to_owned(), person.into());
        if let Some(lookup) = &rules.account {
            let path = self.account.map(|id| format!("/{}({id})", ACCOUNT.set));
            // A new row has nothing to be taken away.
            if path.is_some() || draft.stored.is_some_and(|row| rows::guid(&row.columns, &lookup.column).is_some()) {
                columns.insert(lookup.bind.clone(), path.into());
            }
        }
        self.own(draft, rules, context, columns);
    }

    /// Follows the person's owner, where it is another one than when the row got its own.
    pub fn follow(&self, draft: &mut Draft<'_>, rules: &ActivityRules, context: &Context, columns: &mut Columns) {
        let Some((row, owner)) = draft.stored.zip(self.owner.as_ref()) else { return };
        let known = row.details.owner.or(row.owner.as_ref().map(Owner::fingerprint));
        if rules.follow_owner && self.read && known != Some(owner.fingerprint()) {
            self.own(draft, rules, context, columns);
        }
    }

    /// Gives the row to the person's owner, else to the one in the settings, else to the application user.
    fn own(&self, draft: &mut Draft<'_>, rules: &ActivityRules, context: &Context, columns: &mut Columns) {
        draft.details.owner = self.owned;
        let Some(owner) = &self.owner else { return };
        let fit = |owner: &&Owner| !context.unfit.contains(owner);
        let fit = Some(owner).filter(fit).or(rules.fallback_owner.as_ref().filter(fit)).cloned();
        // A new row is the application user's without being told.
        let owner = fit.or_else(|| draft.stored.map(|_| Owner::user(context.me)));
        columns.extend(owner.map(|owner| (OWNER_BIND.to_owned(), owner.bind())));
    }
}

/// Binds a row to what the settings name, unless it was before.
pub fn bind_lookups(draft: &mut Draft<'_>, rules: &ActivityRules, columns: &mut Columns) {
    if rules.lookups.is_empty() {
        return;
    }
    let all: Vec<String> = rules.lookups.iter().map(|(bind, path)| format!("{bind} {path}")).collect();
    let fingerprint = Some(Fingerprint::of(&all.join("\n")));
    if draft.details.lookups != fingerprint {
        draft.details.lookups = fingerprint;
        columns.extend(rules.lookups.iter().map(|(bind, path)| (bind.clone(), Value::from(path.clone()))));
    }
}

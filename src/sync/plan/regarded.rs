//! Whom the rows of a participant regard, and what they take from that person: owner and account.

use serde_json::Value;
use uuid::Uuid;

use super::{
    Context,
    row::{Case, Draft},
    statements::{Latest, Statement},
};
use crate::{
    dataverse::Columns,
    model::stamp::Fingerprint,
    sync::{
        activity::{ACCOUNT, ACCOUNT_OF_CONTACT, ActivityRules},
        rows::{self, AttendanceRow, OWNER_BIND, Owner, PersonRef, PersonRow},
    },
};

/// Whom the rows are to regard.
pub struct Regarded {
    /// For which key.
    pub key: Fingerprint,
    pub person: PersonRef,
    /// Whether a write must make them so first.
    pub awaited: bool,
    owner: Option<Owner>,
    /// What rows remember as the person's owner.
    owned: Option<Fingerprint>,
    account: Option<Uuid>,
    /// The person themselves was read, or is being made.
    read: bool,
}

impl Case<'_> {
    /// The person of the latest key that was stated about any of the rows, for the row of a session or the event's own.
    ///
    /// That is who was meant where this batch spoke of a new row; else whom another row holds for the key, or who stands for them now; else
    /// whom the batch means anywhere. If somebody cleared a row of that key, the next latest one is asked as well. A key that nobody has
    /// says nothing, and neither do earlier ones.
    pub fn regarded<'a>(
        &self,
        session: &Option<String>,
        drafts: impl Iterator<Item = &'a Draft<'a>>,
    ) -> Option<Regarded> {
        let latest = |draft: &Draft<'_>| Latest::remembered(&draft.details.ledger, &self.rules().matcher);
        let drafts: Vec<&Draft<'_>> = drafts.collect();
        let is_new = !drafts.iter().any(|draft| draft.stored.is_some_and(|row| row.key.session == *session));
        let mut stated: Vec<(Latest, &Draft<'_>)> =
            drafts.into_iter().filter_map(|draft| Some((latest(draft)?, draft))).collect();
        stated.sort_by_key(|(latest, _)| std::cmp::Reverse(*latest));
        let key = stated.first()?.0.key.value;
        let of_rows: Vec<&AttendanceRow> = stated.iter().filter_map(|(_, draft)| draft.stored).collect();
        let of_rows: Vec<_> = of_rows.into_iter().filter(|row| row.details.regards == Some(key)).collect();
        let cleared = of_rows.iter().any(|row| row.regarding.is_none());
        let held = || of_rows.iter().find_map(|row| Some(self.held(row.regarding?, key, row)));
        let mut keys: Vec<Fingerprint> = stated.into_iter().map(|(latest, _)| latest.key.value).collect();
        keys.dedup();
        keys.retain(|of| cleared || *of == key);
        keys.into_iter().find_map(|of| {
            let here = || self.meant(of, |one| is_new && one.row().session == *session);
            here().or_else(|| held().filter(|_| of == key)).or_else(|| self.meant(of, |_| true))
        })
    }

    /// Whom the latest of some of the statements means by a key.
    fn meant(&self, key: Fingerprint, of: impl Fn(&Statement<'_>) -> bool) -> Option<Regarded> {
        let of_key = |one: &&&Statement<'_>| one.who().is_some_and(|who| who.fingerprint() == key) && of(one);
        let person = self.statements.iter().rev().filter(of_key).find_map(|one| self.people.of(one.index))?;
        let row = self.view.rows.people.iter().find(|row| row.person == person.person);
        let account = row.and_then(|row| account(&row.columns, ACCOUNT_OF_CONTACT));
        let (owner, awaited) = (person.owner.clone(), person.awaited);
        let owned = owner.as_ref().map(Owner::fingerprint);
        Some(Regarded { key, person: person.person, awaited, owner, owned, account, read: true })
    }

    /// Whom a row holds for a key.
    fn held(&self, person: PersonRef, key: Fingerprint, row: &AttendanceRow) -> Regarded {
        match self.successor(person).or_else(|| self.person(person)) {
            Some(now) => Regarded::now(key, now),
            None => Regarded::remembered(key, person, row, &self.rules().activity),
        }
    }

    /// Who stands for a person now, if that is somebody else. Where only a closing touches the rows nobody looks.
    pub fn successor(&self, person: PersonRef) -> Option<&PersonRow> {
        if self.statements.is_empty() {
            return None;
        }
        let now = match self.rules().matcher.follow_converted_leads {
            true => self.view.follow(person),
            false => self.view.master(person),
        }?;
        (now.person != person).then_some(now)
    }

    /// The person as they are now. Where only a closing touches the rows nobody looks.
    pub fn person(&self, person: PersonRef) -> Option<&PersonRow> {
        if self.statements.is_empty() { None } else { self.view.person(person) }
    }
}

/// The account in a lookup, which may lead to a contact instead.
fn account(columns: &Columns, lookup: &str) -> Option<Uuid> {
    rows::guid(columns, lookup).filter(|_| rows::lookup_table(columns, lookup) == Some(ACCOUNT.name))
}

impl Regarded {
    /// Somebody as they are now.
    pub fn now(key: Fingerprint, now: &PersonRow) -> Self {
        let (owner, account) = (now.owner.clone(), account(&now.columns, ACCOUNT_OF_CONTACT));
        let owned = owner.as_ref().map(Owner::fingerprint);
        Self { key, person: now.person, awaited: false, owner, owned, account, read: true }
    }

    /// What a row remembers of a person whom nobody looked up.
    fn remembered(key: Fingerprint, person: PersonRef, row: &AttendanceRow, rules: &ActivityRules) -> Self {
        let account = rules.account.as_ref().and_then(|lookup| account(&row.columns, &lookup.column));
        let (owner, owned) = (row.owner.clone(), row.details.owner);
        Self { key, person, awaited: false, owner, owned, account, read: false }
    }

    /// Binds a row to the person, to their account and to their owner.
    pub fn bind(&self, draft: &mut Draft<'_>, rules: &ActivityRules, context: &Context, columns: &mut Columns) {
        draft.details.regards = Some(self.key);
        if draft.stored.is_some_and(|row| row.regarding == Some(self.person)) {
            return;
        }
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
        let of_theirs = draft.stored.filter(|row| row.regarding == Some(self.person));
        let Some((row, owner)) = of_theirs.zip(self.owner.as_ref()) else { return };
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

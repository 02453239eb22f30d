//! Who is invited, and who is not and why: a pure function.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Member, State};
use crate::{model::Address, settings::document::EventSettings};

/// Why a member is not invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// On the list, and not to be read: deleted, or hidden by the security role.
    Gone,
    Inactive,
    NoAddress,
    /// The address is none.
    NotAnAddress,
    /// "We do not allow apostrophes as part of email addresses" (InEvent's FAQ, attendees list).
    Apostrophe,
    ExcludedDomain,
    /// Asked to be forgotten.
    Forgotten,
    DoNotEmail,
    DoNotBulkEmail,
    /// The address is invited already, or another address of the same person is.
    AlreadyInvited,
    AlreadyRegistered,
    /// Was uninvited when they left the lists.
    Withdrawn,
    /// InEvent refused the address.
    Refused,
    /// Nobody knows whether the invitation went out: a person decides.
    Undecided,
    /// The invitation is being sent by somebody, or was by somebody who died; it is looked at again.
    UnderWay,
}

/// What becomes of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Invite(Address),
    Skip(Skip),
}

/// What the settings say about who is invited.
#[derive(Debug, Clone, Default)]
pub struct Eligible {
    excluded_domains: Vec<String>,
}

/// What is known of an address at one event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    pub forgotten: bool,
    /// What is remembered of it.
    pub state: Option<State>,
    /// InEvent has it on the list of people.
    pub registered: bool,
    /// InEvent has it on the list of invitations, or another address of the person was invited.
    pub invited: bool,
}

/// How many members came to what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub members: u64,
    /// In a dry run: who would be.
    pub invited: u64,
    pub skipped: BTreeMap<Skip, u64>,
    /// For whom the slice had no time, or whose invitation is not sure: the next one goes on.
    pub left: u64,
}

impl Eligible {
    pub fn new(settings: &EventSettings) -> Self {
        Self { excluded_domains: settings.bare_excluded_domains() }
    }

    /// What the CRM alone says of a member.
    ///
    /// # Errors
    /// Why they are not invited whatever InEvent says.
    pub fn address(&self, member: &Member) -> Result<Address, Skip> {
        if !member.active {
            return Err(Skip::Inactive);
        }
        let address = Address::parse(member.address.as_deref().ok_or(Skip::NoAddress)?);
        let address = address.map_err(|_| Skip::NotAnAddress)?;
        match () {
            () if address.as_str().contains(['\'', '\u{2019}']) => Err(Skip::Apostrophe),
            () if self.excluded_domains.iter().any(|domain| address.is_in(domain)) => Err(Skip::ExcludedDomain),
            () if member.do_not_email => Err(Skip::DoNotEmail),
            () if member.do_not_bulk_email => Err(Skip::DoNotBulkEmail),
            () => Ok(address),
        }
    }
}

/// What becomes of a member whose address is known.
pub fn decide(member: &Member, eligible: &Eligible, standing: impl FnOnce(&Address) -> Standing) -> Decision {
    let address = match eligible.address(member) {
        Ok(address) => address,
        Err(why) => return Decision::Skip(why),
    };
    let standing = standing(&address);
    if standing.forgotten {
        return Decision::Skip(Skip::Forgotten);
    }
    let known = standing.state.map(|state| match state {
        State::Intended => Skip::UnderWay,
        State::Undecided => Skip::Undecided,
        State::Invited | State::Found | State::Confirmed => Skip::AlreadyInvited,
        State::Withdrawn => Skip::Withdrawn,
        State::Refused => Skip::Refused,
    });
    let there = || {
        let registered = standing.registered.then_some(Skip::AlreadyRegistered);
        registered.or(standing.invited.then_some(Skip::AlreadyInvited))
    };
    known.or_else(there).map_or(Decision::Invite(address), Decision::Skip)
}

impl Counts {
    pub fn skip(&mut self, why: Skip) {
        self.add(why, 1);
    }

    pub fn add(&mut self, why: Skip, many: u64) {
        if many > 0 {
            *self.skipped.entry(why).or_default() += many;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.members += other.members;
        self.invited += other.invited;
        self.left += other.left;
        other.skipped.iter().for_each(|(why, many)| self.add(*why, *many));
    }
}

/// `no_address=3 do_not_email=1`
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut first = true;
        for (why, many) in &self.skipped {
            let name = serde_json::to_value(why).ok();
            let name = name.as_ref().and_then(|name| name.as_str()).unwrap_or_default();
            write!(f, "{}{name}={many}", if first { "" } else { " " })?;
            first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::settings::document::Target;

    fn member(address: Option<&str>) -> Member {
        Member {
            table: Target::Contact,
            id: Uuid::nil(),
            etag: String::new(),
            address: address.map(str::to_owned),
            name: None,
            company: None,
            active: true,
            do_not_email: false,
            do_not_bulk_email: false,
            link: None,
        }
    }

    fn eligible() -> Eligible {
        Eligible { excluded_domains: vec!["organiser.example".to_owned()] }
    }

    #[test]
    fn each_class_has_its_reason() {
        let told = |member: Member, standing: Standing| match decide(&member, &eligible(), |_| standing) {
            Decision::Invite(address) => address.as_str().to_owned(),
            Decision::Skip(why) => format!("{why:?}"),
        };
        let nothing = Standing::default();
        let of = |state| Standing { state: Some(state), ..nothing };
        let ana = || member(Some("Ana@x.example"));
        for (member, standing, expected) in [
            (ana(), nothing, "ana@x.example"),
            (Member { active: false, ..ana() }, nothing, "Inactive"),
            (member(None), nothing, "NoAddress"),
            (member(Some("ana")), nothing, "NotAnAddress"),
            (member(Some("o'brien@x.example")), nothing, "Apostrophe"),
            (member(Some("o\u{2019}brien@x.example")), nothing, "Apostrophe"),
            (member(Some("ana@mail.organiser.example")), nothing, "ExcludedDomain"),
            (Member { do_not_email: true, ..ana() }, nothing, "DoNotEmail"),
            (Member { do_not_bulk_email: true, ..ana() }, nothing, "DoNotBulkEmail"),
            (ana(), Standing { forgotten: true, ..of(State::Undecided) }, "Forgotten"),
            (ana(), of(State::Invited), "AlreadyInvited"),
            (ana(), of(State::Found), "AlreadyInvited"),
            (ana(), of(State::Confirmed), "AlreadyInvited"),
            (ana(), of(State::Intended), "UnderWay"),
            (ana(), of(State::Undecided), "Undecided"),
            (ana(), of(State::Refused), "Refused"),
            (ana(), of(State::Withdrawn), "Withdrawn"),
            (ana(), Standing { registered: true, invited: true, ..nothing }, "AlreadyRegistered"),
            (ana(), Standing { invited: true, ..nothing }, "AlreadyInvited"),
        ] {
            assert_eq!(told(member, standing), expected);
        }
    }

    fn states() -> impl Strategy<Value = Option<State>> {
        use State::*;
        prop::option::of(prop::sample::select(vec![Intended, Invited, Found, Confirmed, Refused, Undecided, Withdrawn]))
    }

    proptest! {
        /// Whoever is invited may be written to, is nobody's yet, and has an address that InEvent takes.
        #[test]
        fn nobody_is_invited_who_must_not_be(
            address in prop::option::of("[a-zA-Z'. ]{0,6}@?[a-z]{0,4}[.]?(organiser[.])?example"),
            active: bool, do_not_email: bool, do_not_bulk_email: bool,
            state in states(), forgotten: bool, registered: bool, invited: bool,
        ) {
            let member = Member { active, do_not_email, do_not_bulk_email, ..member(address.as_deref()) };
            let standing = Standing { forgotten, state, registered, invited };
            let free = active && !do_not_email && !do_not_bulk_email && !forgotten && !registered && !invited && state.is_none();
            match decide(&member, &eligible(), |_| standing) {
                Decision::Invite(address) => {
                    prop_assert!(free && !address.as_str().contains('\'') && !address.is_in("organiser.example"));
                }
                // With nothing against it the address itself is the reason.
                Decision::Skip(why) => prop_assert!(!free || matches!(
                    why, Skip::NoAddress | Skip::NotAnAddress | Skip::Apostrophe | Skip::ExcludedDomain
                )),
            }
        }

        /// More said against somebody never invites them.
        #[test]
        fn a_reason_more_changes_no_skip_into_an_invitation(
            state in states(), forgotten: bool, registered: bool, invited: bool,
        ) {
            let ana = member(Some("ana@x.example"));
            let invites = |standing| matches!(decide(&ana, &eligible(), |_| standing), Decision::Invite(_));
            let some = Standing { forgotten, state, registered, invited };
            prop_assert!(invites(Standing::default()));
            prop_assert_eq!(invites(some), !forgotten && state.is_none() && !registered && !invited);
        }
    }
}

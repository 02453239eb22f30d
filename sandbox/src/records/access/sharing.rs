//! Rows shared with users and teams one by one, and the access that comes with the rows they belong to
//! ("How access to a record is determined", "Configure table relationship cascading behavior").

use std::sync::Arc;

use uuid::Uuid;

use super::{Right, Rights};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Cascade, Schema, System, Table};
use crate::records::followers::follows;
use crate::records::{Assignments, Session, refusal};
use crate::value::Value;

/// Marks access in `inheritedaccessrightsmask`.
const INHERITED: i64 = 0x0800_0000;

/// A user or team that a row is shared with.
pub(crate) type Principal = (Arc<str>, Uuid);

/// What a message does to the access of somebody a row is shared with; masks are sums of [`Right::bit`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sharing {
    Grant(i64),
    Replace(i64),
    Revoke,
}

/// What somebody may do with a row that is not theirs: a row of `principalobjectaccess`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) principal: Principal,
    /// What they were granted.
    explicit: i64,
    /// What comes with the rows that the row belongs to.
    inherited: i64,
}

impl Share {
    pub(crate) fn mask(&self) -> i64 {
        (self.explicit | self.inherited) & !INHERITED
    }
}

/// Where shares are kept.
struct Kept<'s> {
    table: &'s Arc<Table>,
    object: usize,
    object_type: usize,
    principal: usize,
    principal_type: usize,
    explicit: usize,
    inherited: usize,
}

impl<'s> Kept<'s> {
    /// Nowhere, in an organisation from before there were any.
    fn of(schema: &'s Schema) -> Option<Self> {
        let table = schema.table("principalobjectaccess")?;
        Some(Self {
            table,
            object: table.column("objectid")?,
            object_type: table.column("objecttypecode")?,
            principal: table.column("principalid")?,
            principal_type: table.column("principaltypecode")?,
            explicit: table.column("accessrightsmask")?,
            inherited: table.column("inheritedaccessrightsmask")?,
        })
    }

    fn read(&self, row: &[Value]) -> Option<(Uuid, Share)> {
        let number = |column: usize| row[column].int().unwrap_or_default();
        let kind = Arc::from(row[self.principal_type].text()?);
        let principal = (kind, row[self.principal].id()?);
        let share = Share { principal, explicit: number(self.explicit), inherited: number(self.inherited) };
        Some((row[self.table.id].id()?, share))
    }
}

impl Session<'_> {
    /// With whom a row is shared, and who has access with a row that it belongs to.
    pub(crate) fn shares(&self, id: Uuid) -> ApiResult<Vec<Share>> {
        Ok(self.kept_shares(id)?.into_iter().map(|(_, share)| share).collect())
    }

    /// Shares a row, or stops sharing it. Rows that belong to it follow.
    pub(crate) fn share(&self, table: &Table, id: Uuid, principal: &Principal, sharing: Sharing) -> ApiResult<()> {
        let row = self.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
        let owner = table.system(System::Owner).map(|column| &row[column]);
        let Some(owner) = owner else { return Err(crate::records::unsupported(table, "GrantAccess")) };
        self.check_row(Right::Share, table, &row)?;
        if let Sharing::Grant(mask) | Sharing::Replace(mask) = sharing {
            // Nobody can give away what they may not do themselves.
            for right in Right::ALL.into_iter().filter(|right| mask & right.bit() != 0 && *right != Right::Create) {
                self.check_row(right, table, &row)?;
            }
        }
        if owner.id() == Some(principal.1) {
            return Err(ApiError::new(400, "0x80040214", "An item cannot be shared with the owning user."));
        }
        self.change_share(table, id, principal, sharing, false)?;
        self.pass_on(table, id, owner, principal, sharing)
    }

    /// What a user or team may do with a row.
    pub(crate) fn access_of(&self, principal: &Principal, table: &Table, row: &[Value]) -> ApiResult<Vec<Right>> {
        let rights = Rights::of_principal(self.data, &principal.0, principal.1)?;
        let theirs = Self { caller: principal.1, rights, ..self.clone() };
        Ok(Right::ALL.into_iter().filter(|right| theirs.check_row(*right, table, row).is_ok()).collect())
    }

    /// Whether a row is shared with the caller or one of their teams to this end.
    pub(super) fn is_shared(&self, right: Right, id: Option<Uuid>) -> ApiResult<bool> {
        let Some(id) = id else { return Ok(false) };
        let granted =
            |share: &Share| self.rights.owners.contains(&share.principal.1) && share.mask() & right.bit() != 0;
        Ok(self.shares(id)?.iter().any(granted))
    }

    /// The caller and their teams, if anything at all is shared with them.
    pub(super) fn sharees(&self) -> ApiResult<Option<Vec<Uuid>>> {
        let Some(kept) = Kept::of(&self.data.schema) else { return Ok(None) };
        for owner in &self.rights.owners {
            if self.data.store.id_where(kept.table, &[(kept.principal, Value::Id(*owner))])?.is_some() {
                return Ok(Some(self.rights.owners.clone()));
            }
        }
        Ok(None)
    }

    /// Gives a row the access that comes with the rows it belongs to, and takes away what came with others. What
    /// belongs to it follows.
    pub(in crate::records) fn inherit(&self, table: &Table, id: Uuid, row: &[Value], new: bool) -> ApiResult<()> {
        let Some(owner) = table.system(System::Owner) else { return Ok(()) };
        if !table.columns.iter().any(|column| column.reparents()) {
            return Ok(());
        }
        let mut due: Vec<(Principal, i64)> = Vec::new();
        for (column, lookup) in table.columns.iter().enumerate().filter_map(|(i, c)| Some((i, c.lookup()?))) {
            let Value::Row(kind, parent) = &row[column] else { continue };
            let reparent = lookup.relation(kind).map_or(Cascade::None, |relation| relation.cascades.reparent);
            let Some(parents) = self.data.schema.table(kind).filter(|_| reparent != Cascade::None) else { continue };
            let Some(of) = parents.system(System::Owner) else { continue };
            let above = self.data.store.get_column(parents, *parent, of)?;
            if !follows(reparent, table, row, owner, &above) {
                continue;
            }
            let above = match above {
                Value::Row(kind, id) => Some(((kind, id), Right::of_owner())),
                _ => None,
            };
            let shared = self.shares(*parent)?.into_iter().map(|share| (share.principal.clone(), share.mask()));
            for (principal, mask) in above.into_iter().chain(shared) {
                if Some(principal.1) == row[owner].id() {
                    continue;
                }
                match due.iter_mut().find(|(known, _)| *known == principal) {
                    Some((_, known)) => *known |= mask | INHERITED,
                    None => due.push((principal, mask | INHERITED)),
                }
            }
        }
        let mut changed = false;
        for (kept, share) in if new { Vec::new() } else { self.kept_shares(id)? } {
            let at = due.iter().position(|(principal, _)| *principal == share.principal);
            let inherited = at.map_or(0, |at| due.swap_remove(at).1);
            if inherited != share.inherited {
                self.keep_share(table, id, Some(kept), &Share { inherited, ..share })?;
                changed = true;
            }
        }
        for (principal, inherited) in due {
            self.keep_share(table, id, None, &Share { principal, explicit: 0, inherited })?;
            changed = true;
        }
        if changed && !new { self.hand_down(table, id, &row[owner]) } else { Ok(()) }
    }

    /// Lets the rows that belong to a row inherit from it anew.
    pub(in crate::records) fn hand_down(&self, table: &Table, id: Uuid, owner: &Value) -> ApiResult<()> {
        for follower in self.followers(table, id, owner, |cascades| cascades.reparent)? {
            self.inherit(follower.table, follower.id, &follower.row, false)?;
        }
        Ok(())
    }

    /// Nobody shares a row that is gone, and nobody who is gone shares one.
    pub(in crate::records) fn forget_shares(&self, table: &Table, id: Uuid) -> ApiResult<()> {
        let Some(kept) = Kept::of(&self.data.schema) else { return Ok(()) };
        let column = match table.logical.as_str() {
            "systemuser" | "team" => kept.principal,
            _ if table.system(System::Owner).is_some() => kept.object,
            _ => return Ok(()),
        };
        for row in self.equal(kept.table, column, Value::Id(id))? {
            if let Some(id) = row[kept.table.id].id() {
                self.data.store.delete(kept.table, id)?;
            }
        }
        Ok(())
    }

    /// Shares with somebody what belongs to a row, as far as relationships say.
    fn pass_on(
        &self,
        table: &Table,
        id: Uuid,
        owner: &Value,
        principal: &Principal,
        sharing: Sharing,
    ) -> ApiResult<()> {
        let followers = match sharing {
            Sharing::Revoke => self.followers(table, id, owner, |cascades| cascades.unshare)?,
            _ => self.followers(table, id, owner, |cascades| cascades.share)?,
        };
        for follower in followers {
            let Some(of) = follower.table.system(System::Owner) else { continue };
            let theirs = follower.row[of].id() == Some(principal.1);
            if !theirs && self.change_share(follower.table, follower.id, principal, sharing, true)? {
                self.pass_on(follower.table, follower.id, &follower.row[of], principal, sharing)?;
            }
        }
        Ok(())
    }

    /// Changes what somebody may do with a row; says whether that made a difference.
    fn change_share(
        &self,
        table: &Table,
        id: Uuid,
        principal: &Principal,
        sharing: Sharing,
        inherited: bool,
    ) -> ApiResult<bool> {
        let known = self.kept_shares(id)?.into_iter().find(|(_, share)| share.principal == *principal);
        let (kept, old) = match known {
            Some((kept, share)) => (Some(kept), share),
            None => (None, Share { principal: principal.clone(), explicit: 0, inherited: 0 }),
        };
        let changed = |mask: i64, mark: i64| match sharing {
            Sharing::Grant(more) => mask | more | mark,
            Sharing::Replace(mask) => mask | mark,
            Sharing::Revoke => 0,
        };
        let new = if inherited {
            Share { inherited: changed(old.inherited, INHERITED), ..old.clone() }
        } else {
            Share { explicit: changed(old.explicit, 0), ..old.clone() }
        };
        if new == old {
            return Ok(false);
        }
        self.keep_share(table, id, kept, &new)?;
        Ok(true)
    }

    fn kept_shares(&self, id: Uuid) -> ApiResult<Vec<(Uuid, Share)>> {
        let Some(kept) = Kept::of(&self.data.schema) else { return Ok(Vec::new()) };
        Ok(self.equal(kept.table, kept.object, Value::Id(id))?.iter().filter_map(|row| kept.read(row)).collect())
    }

    fn keep_share(&self, table: &Table, id: Uuid, old: Option<Uuid>, share: &Share) -> ApiResult<()> {
        let Some(kept) = Kept::of(&self.data.schema) else { return Ok(()) };
        if let Some(old) = old
            && share.explicit == 0
            && share.inherited == 0
        {
            return Ok(self.data.store.delete(kept.table, old).map(drop)?);
        }
        let mut values: Assignments =
            vec![(kept.explicit, Value::Int(share.explicit)), (kept.inherited, Value::Int(share.inherited))];
        let version = kept.table.system(System::Version).map(|column| (column, Value::Int(self.next_version())));
        let changed = kept.table.column("changedon").map(|column| (column, Value::Int(self.now)));
        values.extend(version.into_iter().chain(changed));
        let written = match old {
            Some(old) => self.data.store.update(kept.table, old, &values),
            None => {
                values.extend([
                    (kept.table.id, Value::Id(Uuid::now_v7())),
                    (kept.object, Value::Id(id)),
                    (kept.object_type, Value::Text(table.logical.clone())),
                    (kept.principal, Value::Id(share.principal.1)),
                    (kept.principal_type, Value::Text(share.principal.0.to_string())),
                ]);
                let mut row = Self::blank(kept.table);
                for (column, value) in values {
                    row[column] = value;
                }
                self.data.store.insert(kept.table, &row)
            }
        };
        written.map_err(|conflict| refusal(kept.table, conflict))
    }
}

//! What the roles of a user add up to.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::{Depth, Right};
use crate::catalogue::{SYSTEM_ADMINISTRATOR, privilege_id, privilege_stem};
use crate::metadata::Table;
use crate::organization::Data;
use crate::query::{Condition, Query};
use crate::value::Value;

/// What a user or team may do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rights {
    /// Nothing is refused: the platform itself, and the System Administrator.
    everything: bool,
    platform: bool,
    depths: HashMap<Uuid, Depth>,
    /// The user and their teams.
    pub(super) owners: Vec<Uuid>,
    pub(super) unit: Option<Uuid>,
    /// The user's business unit and those below it.
    pub(super) units: Vec<Uuid>,
    pub(super) roles: usize,
}

impl Rights {
    /// The platform's own.
    pub(crate) fn platform() -> Self {
        Self { everything: true, platform: true, roles: 1, ..Self::default() }
    }

    /// Those of a user.
    pub(crate) fn of_user(data: &Data, user: Uuid) -> rusqlite::Result<Self> {
        // Asked with every request, and nearly always the answer.
        if let Some(table) = data.schema.table("systemuserroles")
            && let (Some(of_user), Some(role)) = (table.column("systemuserid"), table.column("roleid"))
            && data
                .store
                .id_where(table, &[(of_user, Value::Id(user)), (role, Value::Id(SYSTEM_ADMINISTRATOR))])?
                .is_some()
        {
            return Ok(Self { everything: true, roles: 1, owners: vec![user], ..Self::default() });
        }
        let teams = far(data, "teammembership", "systemuserid", &[user], "teamid")?;
        let mut roles = far(data, "systemuserroles", "systemuserid", &[user], "roleid")?;
        if !teams.is_empty() {
            roles.extend(far(data, "teamroles", "teamid", &teams, "roleid")?);
        }
        let owners = std::iter::once(user).chain(teams).collect();
        Self::of(data, "systemuser", user, &roles, owners)
    }

    /// Those of a user or a team, by the table's name.
    pub(crate) fn of_principal(data: &Data, kind: &str, id: Uuid) -> rusqlite::Result<Self> {
        if kind != "team" {
            return Self::of_user(data, id);
        }
        let roles = far(data, "teamroles", "teamid", &[id], "roleid")?;
        Self::of(data, "team", id, &roles, vec![id])
    }

    fn of(data: &Data, kind: &str, id: Uuid, roles: &[Uuid], owners: Vec<Uuid>) -> rusqlite::Result<Self> {
        let mut rights = Self { owners, roles: roles.len(), ..Self::default() };
        if roles.contains(&SYSTEM_ADMINISTRATOR) {
            rights.everything = true;
            return Ok(rights);
        }
        if let Some(table) = data.schema.table(kind)
            && let Some(row) = data.store.get(table, id)?
            && let Some(unit) = table.column("businessunitid").and_then(|column| row[column].id())
        {
            rights.unit = Some(unit);
            rights.units = below(data, unit)?;
        }
        if let Some(table) = data.schema.table("roleprivileges")
            && let (Some(role), Some(privilege), Some(mask)) =
                (table.column("roleid"), table.column("privilegeid"), table.column("privilegedepthmask"))
        {
            for row in all_of(data, table, role, roles)? {
                let (Some(privilege), depth) = (row[privilege].id(), Depth::of_mask(row[mask].int().unwrap_or(0)))
                else {
                    continue;
                };
                let known = rights.depths.entry(privilege).or_insert(Depth::None);
                *known = (*known).max(depth);
            }
        }
        Ok(rights)
    }

    /// What is left of these for somebody who acts on behalf of another: what both may do.
    pub(crate) fn shared_with(mut self, other: &Self) -> Self {
        if other.everything {
            return self;
        }
        if self.everything {
            self.everything = false;
            self.depths.clone_from(&other.depths);
            return self;
        }
        self.depths.retain(|id, depth| {
            *depth = (*depth).min(other.depths.get(id).copied().unwrap_or(Depth::None));
            *depth > Depth::None
        });
        self
    }

    pub(crate) fn everything(&self) -> bool {
        self.everything
    }

    pub(super) fn is_platform(&self) -> bool {
        self.platform
    }

    /// Whether no role was assigned at all.
    pub(crate) fn none(&self) -> bool {
        self.roles == 0
    }

    pub(super) fn privileges(&self) -> usize {
        self.depths.len()
    }

    /// How far a right on a table reaches. Tables without privileges of their own are open.
    pub(super) fn depth(&self, right: Right, table: &Table) -> Depth {
        if self.everything {
            return Depth::Global;
        }
        let Some(stem) = privilege_stem(table) else { return Depth::Global };
        self.named(&format!("prv{}{stem}", right.verb()))
    }

    /// How far a privilege reaches.
    pub(crate) fn named(&self, privilege: &str) -> Depth {
        if self.everything {
            return Depth::Global;
        }
        self.depths.get(&privilege_id(privilege)).copied().unwrap_or(Depth::None)
    }
}

/// The business unit and all below it.
fn below(data: &Data, unit: Uuid) -> rusqlite::Result<Vec<Uuid>> {
    let mut all = vec![unit];
    let mut at = 0;
    while at < all.len() {
        for child in far(data, "businessunit", "parentbusinessunitid", &all[at..=at], "businessunitid")? {
            if !all.contains(&child) {
                all.push(child);
            }
        }
        at += 1;
    }
    Ok(all)
}

/// The ids in column `far` of the rows whose column `near` has one of the ids.
fn far(data: &Data, table: &str, near: &str, ids: &[Uuid], far: &str) -> rusqlite::Result<Vec<Uuid>> {
    let Some(table) = data.schema.table(table) else { return Ok(Vec::new()) };
    let (Some(near), Some(far)) = (table.column(near), table.column(far)) else { return Ok(Vec::new()) };
    Ok(all_of(data, table, near, ids)?.iter().filter_map(|row| row[far].id()).collect())
}

fn all_of(data: &Data, table: &Arc<Table>, column: usize, ids: &[Uuid]) -> rusqlite::Result<Vec<Vec<Value>>> {
    let values = ids.iter().map(|id| Value::Id(*id)).collect();
    let filter = Some(Condition::In { column, values });
    data.store.select(&Query { filter, ..Query::all(Arc::clone(table)) })
}

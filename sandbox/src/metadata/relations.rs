//! Collection-valued navigation properties: the other end of lookups, and many-to-many relationships.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::{Schema, Table};

/// A many-to-many relationship and the intersect table that keeps its pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Association {
    /// The schema name of the relationship.
    pub(crate) name: String,
    /// Logical name of the intersect table.
    pub(crate) intersect: String,
    pub(crate) sides: [Side; 2],
}

/// One side of a many-to-many relationship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// Logical name of the table.
    pub(crate) table: String,
    /// Logical name of the intersect table's column that holds its primary key.
    pub(crate) column: String,
    /// The collection-valued navigation property that its rows have.
    pub(crate) navigation: String,
}

impl Association {
    /// A relationship whose navigation properties are called like itself, on both sides.
    pub(crate) fn new(name: &str, intersect: &str, sides: [(&str, &str); 2]) -> Self {
        let side = |(table, column): (&str, &str)| Side {
            table: table.to_owned(),
            column: column.to_owned(),
            navigation: name.to_owned(),
        };
        Self { name: name.to_owned(), intersect: intersect.to_owned(), sides: sides.map(side) }
    }
}

/// The rows behind a collection-valued navigation property of a row.
#[derive(Debug, Clone)]
pub(crate) enum Collection {
    /// Rows of `table` whose lookup `column` points to the row.
    Children { table: Arc<Table>, column: usize },
    /// Rows of `table` that `intersect` pairs with the row.
    Associated { table: Arc<Table>, intersect: Arc<Table>, near: usize, far: usize },
}

impl Collection {
    /// The table whose rows it holds.
    pub(crate) fn table(&self) -> &Arc<Table> {
        match self {
            Self::Children { table, .. } | Self::Associated { table, .. } => table,
        }
    }
}

impl Schema {
    /// The collection-valued navigation property of this name.
    pub(crate) fn collection(&self, table: &Table, name: &str) -> Option<Collection> {
        for association in &self.associations {
            for (near, far) in [(0, 1), (1, 0)] {
                let (near, far) = (&association.sides[near], &association.sides[far]);
                if near.table == table.logical && near.navigation == name {
                    let intersect = Arc::clone(self.table(&association.intersect)?);
                    let (near, column) = (intersect.column(&near.column)?, intersect.column(&far.column)?);
                    let table = Arc::clone(self.table(&far.table)?);
                    return Some(Collection::Associated { table, intersect, near, far: column });
                }
            }
        }
        for child in &self.tables {
            for (column, lookup) in child.columns.iter().enumerate().filter_map(|(i, c)| Some((i, c.lookup()?))) {
                if lookup.relation(&table.logical).is_some_and(|relation| relation.collection == name) {
                    return Some(Collection::Children { table: Arc::clone(child), column });
                }
            }
        }
        None
    }
}

/// The many-to-many relationships of shipped tables.
pub(super) fn shipped_associations() -> Vec<Association> {
    let members = ["account", "contact", "lead"].map(|member| {
        let name = format!("list{member}_association");
        Association::new(&name, "listmember", [("list", "listid"), (member, "entityid")])
    });
    let teams = [("team", "teamid"), ("systemuser", "systemuserid")];
    let users = [("systemuser", "systemuserid"), ("role", "roleid")];
    let roles = [("team", "teamid"), ("role", "roleid")];
    let privileges = [("role", "roleid"), ("privilege", "privilegeid")];
    let others = [
        Association::new("teammembership_association", "teammembership", teams),
        Association::new("systemuserroles_association", "systemuserroles", users),
        Association::new("teamroles_association", "teamroles", roles),
        Association::new("roleprivileges_association", "roleprivileges", privileges),
    ];
    members.into_iter().chain(others).collect()
}

/// What the collection at the other end of a lookup is called, where the definition does not say.
pub(super) fn collection_name(table: &str, set: &str, column: &str, target: &str) -> String {
    let known = match (table, column, target) {
        ("contact", "parentcustomerid", "account") => "contact_customer_accounts",
        ("contact", "parentcustomerid", "contact") => "contact_customer_contacts",
        ("contact", "originatingleadid", _) => "contact_originating_lead",
        ("account", "primarycontactid", _) => "account_primary_contact",
        ("account", "parentaccountid", _) => "account_parent_account",
        ("lead", "parentaccountid", _) => "lead_parent_account",
        ("lead", "parentcontactid", _) => "lead_parent_contact",
        ("lead", "customerid", "account") => "lead_customer_accounts",
        ("lead", "customerid", "contact") => "lead_customer_contacts",
        ("businessunit", "parentbusinessunitid", _) => "business_unit_parent_business_unit",
        ("systemuser", "businessunitid", _) => "business_unit_system_users",
        ("systemuser", "parentsystemuserid", _) => "user_parent_user",
        ("team", "businessunitid", _) => "business_unit_teams",
        ("team", "administratorid", _) => "lk_teambase_administratorid",
        ("activityparty", "partyid", "systemuser") => "system_user_activity_parties",
        ("contact" | "lead", "owninguser", _) => return format!("{table}_owning_user"),
        ("account", "owninguser", _) => "user_accounts",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let base = if matches!(table, "account" | "contact" | "lead") { set } else { table };
    match column {
        "createdby" | "modifiedby" | "createdonbehalfby" | "modifiedonbehalfby" => {
            let suffix = if matches!(table, "account" | "contact" | "lead") { "base" } else { "" };
            format!("lk_{table}{suffix}_{column}")
        }
        "transactioncurrencyid" if table.contains('_') => format!("TransactionCurrency_{table}"),
        "transactioncurrencyid" => format!("TransactionCurrency_{}", capitalised(table)),
        "owninguser" => format!("user_{base}"),
        "owningteam" => format!("team_{base}"),
        "owningbusinessunit" => format!("business_unit_{base}"),
        "ownerid" => format!("owner_{set}"),
        "masterid" => format!("{table}_master_{target}"),
        "regardingobjectid" => regarding(table, set, target),
        "activityid" if table == "activityparty" => format!("{target}_activity_parties"),
        "partyid" => format!("{target}_activity_parties"),
        _ => format!("{target}_{table}_{column}"),
    }
}

/// `Contact_Tasks`, `Contact_ActivityPointers`; those of custom activities are in lower case.
fn regarding(table: &str, set: &str, target: &str) -> String {
    if table.contains('_') {
        return format!("{target}_{set}");
    }
    let plural = if table == "activitypointer" { "ActivityPointers".to_owned() } else { capitalised(set) };
    format!("{}_{plural}", if target.contains('_') { target.to_owned() } else { capitalised(target) })
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + characters.as_str())
}

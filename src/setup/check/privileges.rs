//! Which privileges settings need of the tables that they name, and which of these the application user lacks.
//!
//! What a table's privileges are called stands in its definition (Microsoft: "SecurityPrivilegeMetadata ComplexType"), which rights there
//! are in "PrivilegeType EnumType".

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::super::present;
use crate::{
    dataverse::{Client, Error, Part},
    settings::document::{
        Document, EventSettings, Invitations, Key, Lookup, MappedRow, Mapping, Mode, Problem, Related, Unmatched,
    },
};

/// What may be done with the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    Create,
    Read,
    Write,
    /// Rows of the table may be bound to others.
    Append,
    /// Other rows may be bound to those of the table.
    AppendTo,
    Assign,
}

const RIGHTS: [(Right, &str); 6] = [
    (Right::Create, "Create"),
    (Right::Read, "Read"),
    (Right::Write, "Write"),
    (Right::Append, "Append"),
    (Right::AppendTo, "AppendTo"),
    (Right::Assign, "Assign"),
];

/// By the setting's place and the table.
#[derive(Default)]
struct Needs(BTreeMap<(String, String), BTreeSet<Right>>);

/// Who the connector is in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationUser {
    /// Whoever signs in.
    SignedIn,
    /// The user of this application; somebody else signs in.
    Of(Uuid),
    /// Somebody else signs in, and nothing says who the connector is.
    Unknown,
}

impl ApplicationUser {
    /// Its user; `None` where there is none to be seen.
    ///
    /// # Errors
    /// When the environment cannot be asked.
    pub async fn user(self, client: &Client) -> Result<Option<Uuid>, Error> {
        match self {
            Self::SignedIn => Ok(Some(client.who_am_i().await?.user_id)),
            Self::Of(id) => {
                let filter = format!("applicationid eq {id}");
                let users = present::rows(client, "systemusers", &["systemuserid"], &filter).await?;
                Ok(users.iter().find_map(|user| user["systemuserid"].as_str()?.parse().ok()))
            }
            Self::Unknown => Ok(None),
        }
    }
}

/// The privileges that somebody has.
pub struct Granted(Vec<GrantedPrivilege>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GrantedPrivilege {
    privilege_id: Uuid,
    privilege_name: Option<String>,
}

impl Granted {
    /// Asks for those of all roles of a user.
    ///
    /// # Errors
    /// When they may not be read (`prvReadRole`).
    pub async fn of(client: &Client, user: Uuid) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            role_privileges: Vec<GrantedPrivilege>,
        }
        let path = format!("systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()");
        let answer: Answer = read(present::get(client, path).await?)?;
        Ok(Self(answer.role_privileges))
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|granted| granted.privilege_name.as_deref() == Some(name))
    }
}

/// What the application user may not do that the settings need, by the places of the settings. How far a privilege reaches is not looked
/// at: which rows are meant, only the administrator knows.
///
/// # Errors
/// When definitions cannot be read.
pub async fn lacking(client: &Client, granted: &Granted, document: &Document) -> Result<Vec<Problem>, Error> {
    let needs = needs(document);
    let names = names(client, needs.0.keys().map(|(_, table)| table.as_str()).collect()).await?;
    let granted: BTreeSet<Uuid> = granted.0.iter().map(|granted| granted.privilege_id).collect();
    let problem = |((place, table), rights): ((String, String), BTreeSet<Right>)| {
        let privileges = rights.iter().filter_map(|right| names.get(&(table.clone(), *right)));
        let missing = privileges.filter(|(id, _)| !granted.contains(id)).map(|(_, name)| name.as_str());
        let missing: Vec<&str> = missing.collect();
        let told = format!("the application user lacks {} for {table}", missing.join(", "));
        let remedy = "Add that to a security role of the application user, for the rows that are meant.";
        (!missing.is_empty()).then(|| Problem::new(place, told, remedy))
    };
    Ok(needs.0.into_iter().filter_map(problem).collect())
}

/// Ids and names of the privileges of tables. A table that there is not, and a right that no privilege stands for, has none.
async fn names(client: &Client, tables: BTreeSet<&str>) -> Result<BTreeMap<(String, Right), (Uuid, String)>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Table {
        #[serde(default)]
        privileges: Vec<Privilege>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Privilege {
        privilege_id: Uuid,
        name: String,
        privilege_type: String,
    }
    let parts: Vec<Part> =
        tables.iter().map(|table| Part::get(format!("{}?$select=Privileges", present::path(table)))).collect();
    let mut names = BTreeMap::new();
    for (table, answer) in tables.into_iter().zip(client.batch(&parts).await?) {
        let privileges = match answer {
            Err(error) if error.status == 404 => continue,
            answer => read::<Table>(answer?)?.privileges,
        };
        for privilege in privileges {
            let right = RIGHTS.iter().find(|(_, name)| *name == privilege.privilege_type);
            names.extend(
                right.map(|(right, _)| ((table.to_owned(), *right), (privilege.privilege_id, privilege.name.clone()))),
            );
        }
    }
    Ok(names)
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Error> {
    serde_json::from_value(answer).map_err(|_| Error::Protocol("privileges cannot be read"))
}

fn needs(document: &Document) -> Needs {
    let mut needs = Needs::default();
    needs.of_event("defaults", &document.defaults, |_| true);
    for (event, own) in &document.events {
        let (place, settings) = (format!("events.{event}"), document.effective(event));
        needs.of_event(&place, &settings, |setting| own.contains_key(setting));
        if own.contains_key("invitations") {
            needs.of_invitations(&format!("{place}.invitations"), &settings.invitations);
        }
    }
    needs
}

impl Needs {
    fn add<const N: usize>(&mut self, place: &str, table: &str, rights: [Right; N]) {
        self.0.entry((place.to_owned(), table.to_owned())).or_default().extend(rights);
    }

    /// `says` tells which settings stand at this place; what is inherited is told of where it stands.
    fn of_event(&mut self, place: &str, settings: &EventSettings, says: impl Fn(&str) -> bool) {
        use Right::{Append, AppendTo, Assign, Create, Read, Write};
        let at = |setting: &str| format!("{place}.{setting}");
        if says("activity_table") {
            let place = at("activity_table");
            self.add(&place, &settings.activity_table, [Read, Create, Write, Append, Assign]);
            self.add(&place, "contact", [AppendTo]);
            self.add(&place, "lead", [AppendTo]);
        }
        if says("matching") {
            let place = at("matching");
            self.add(&place, "contact", [Read]);
            self.add(&place, "lead", [Read]);
            if settings.matching.keys.contains(&Key::EmailAndCompany) {
                self.add(&place, "account", [Read]);
            }
        }
        if says("unmatched") {
            match settings.unmatched {
                Unmatched::CreateLead => self.add(&at("unmatched"), "lead", [Create]),
                Unmatched::CreateContact => self.add(&at("unmatched"), "contact", [Create]),
                Unmatched::UpdateOnly | Unmatched::Ignore => {}
            }
        }
        for (index, mapping) in settings.mappings.iter().enumerate().filter(|_| says("mappings")) {
            self.of_mapping(&at(&format!("mappings[{index}]")), mapping, settings);
        }
        for (name, related) in settings.related.iter().filter(|_| says("related")) {
            self.of_related(&at(&format!("related.{name}")), related, settings);
        }
        for (index, lookup) in settings.lookups.iter().enumerate().filter(|_| says("lookups")) {
            self.of_lookup(&at(&format!("lookups[{index}]")), lookup, settings);
        }
        for (index, rule) in settings.list_rules.iter().enumerate().filter(|_| says("list_rules")) {
            for (field, list, table) in
                [("contact_list", rule.contact_list, "contact"), ("lead_list", rule.lead_list, "lead")]
            {
                if list.is_some() {
                    let place = at(&format!("list_rules[{index}].{field}"));
                    self.add(&place, "list", [Read, Write, AppendTo]);
                    self.add(&place, table, [Append]);
                }
            }
        }
    }

    fn of_mapping(&mut self, place: &str, mapping: &Mapping, settings: &EventSettings) {
        use Right::{Append, AppendTo, Read, Write};
        for row in &mapping.tables {
            let table = match row {
                MappedRow::Related(name) => settings.related_row(name).map(|related| related.table),
                row => crate::sync::rules::table_of(row, settings),
            };
            let Some(table) = table else { continue };
            match row {
                // Told of where the row is described.
                MappedRow::Related(name) if settings.related.contains_key(name) => {}
                MappedRow::Related(_) => self.add(place, &table, [Read, Write]),
                _ if mapping.mode == Mode::OnCreate => {}
                _ => self.add(place, &table, [Write]),
            }
            if let Some(by) = &mapping.lookup {
                self.add(place, &table, [Append]);
                self.add(place, &by.table, [Read, AppendTo]);
            }
        }
    }

    fn of_related(&mut self, place: &str, related: &Related, settings: &EventSettings) {
        use Right::{Append, AppendTo, Create, Read, Write};
        self.add(place, &related.table, [Read, Write]);
        if related.key.is_none() {
            return;
        }
        self.add(place, &related.table, [Create]);
        let person = related.person.clone().unwrap_or_default();
        let bound = [
            (person.contact, "contact"),
            (person.lead, "lead"),
            (related.activity.clone(), settings.activity_table.as_str()),
        ];
        for (_, to) in bound.iter().filter(|(column, _)| column.is_some()) {
            self.add(place, &related.table, [Append]);
            self.add(place, to, [AppendTo]);
        }
    }

    fn of_lookup(&mut self, place: &str, lookup: &Lookup, settings: &EventSettings) {
        self.add(place, &settings.activity_table, [Right::Append]);
        self.add(place, &lookup.table, [Right::AppendTo]);
        if !lookup.is_own_account() {
            self.add(place, &lookup.table, [Right::Read]);
        }
    }

    fn of_invitations(&mut self, place: &str, invitations: &Invitations) {
        if !invitations.lists.is_empty() {
            self.add(&format!("{place}.lists"), "list", [Right::Read]);
        }
        let link = invitations.link.clone().unwrap_or_default();
        for (table, column) in [("contact", link.contact), ("lead", link.lead)] {
            if column.is_some() {
                self.add(&format!("{place}.link.{table}"), table, [Right::Write]);
            }
        }
    }
}

//! Makes what is missing of the definition, through the Web API. What is there and does is left alone; what is there and does not is
//! named, never changed.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    compare::{self, Found},
    definition::{ActivityTable, Column, Solution},
    payload,
    present::{self, PresentTable},
    role::Privilege,
};
use crate::dataverse::{Client, Error, metadata::TableColumns, query};

/// What to do beside the definition.
#[derive(Debug, Clone, Default)]
pub struct Provisioning {
    /// Only say what would be done.
    pub dry_run: bool,
    /// The application (client) id of the connector, which becomes an application user with the role.
    pub application: Option<Uuid>,
    /// Tables of the environment whose changes are to be audited, such as `contact`.
    pub audited: Vec<String>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub what: String,
    #[serde(flatten)]
    pub state: StepState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// Nothing to do.
    There,
    Made,
    /// It would be made, if this were no dry run.
    ToBeMade,
    /// Left alone, and the connector cannot do with it.
    Differs {
        problem: String,
        remedy: String,
    },
    /// Left out, and the connector can do without it.
    LeftOut {
        problem: String,
    },
}

/// What failed, and of which step.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {}", told(.error))]
pub struct SetupError {
    pub what: String,
    pub error: Error,
}

/// What Dataverse says of definitions is not personal, and an administrator needs it.
fn told(error: &Error) -> String {
    match error {
        Error::Service(service) if !service.message.is_empty() => format!("{error}: {}", service.message),
        error => error.to_string(),
    }
}

/// How long the index of an alternate key may take. It goes on being made afterwards.
const KEY_PATIENCE: Duration = Duration::from_secs(305);

/// Provisions an environment; `told` hears of each step as it is done.
///
/// # Errors
/// When a call failed. What was made stays, and the next run goes on from there.
pub async fn provision(
    client: &Client,
    solution: &Solution,
    wanted: &Provisioning,
    told: &mut (dyn FnMut(&Step) + Send),
) -> Result<Vec<Step>, SetupError> {
    let mut run = Run { client, solution, wanted, told, steps: Vec::new(), waiting: Vec::new() };
    run.everything().await?;
    Ok(run.steps)
}

struct Run<'a> {
    client: &'a Client,
    solution: &'a Solution,
    wanted: &'a Provisioning,
    told: &'a mut (dyn FnMut(&Step) + Send),
    steps: Vec<Step>,
    /// Tables whose key was made, and its name.
    waiting: Vec<(String, String)>,
}

impl Run<'_> {
    async fn everything(&mut self) -> Result<(), SetupError> {
        self.publisher_and_solution().await?;
        let solution = self.solution;
        for table in &solution.activities {
            self.activity_table(table).await?;
        }
        for table in &solution.extended {
            let what = format!("table {}", table.name);
            match self.ask(&what, present::table(self.client, table.name)).await? {
                Some(present) => {
                    self.columns(table.name, &table.columns, &present.columns).await?;
                }
                None => self.differs(what, "the environment has no such table", "Install Dynamics 365 Sales."),
            }
        }
        for table in &self.wanted.audited {
            self.audit(table).await?;
        }
        let unit = self.root_unit().await?;
        self.role(unit).await?;
        if let Some(application) = self.wanted.application {
            self.application_user(application, unit).await?;
        }
        self.publish().await?;
        self.indexes().await
    }

    async fn publisher_and_solution(&mut self) -> Result<(), SetupError> {
        let (solution, publisher) = (self.solution, &self.solution.publisher);
        let what = format!("publisher {}", publisher.unique_name);
        let named = |name: &str| format!("uniquename eq {}", query::text(name));
        let columns = ["publisherid", "customizationprefix"];
        let mut found = self.find(&what, "publishers", &columns, named(&publisher.unique_name)).await?;
        if found.is_empty() && self.make(&what, "publishers", payload::publisher(publisher, &solution.prefix)).await? {
            found = self.find(&what, "publishers", &columns, named(&publisher.unique_name)).await?;
        } else if let Some(row) = found.first() {
            match row["customizationprefix"].as_str() {
                Some(prefix) if prefix == solution.prefix.as_str() => self.there(what.clone()),
                prefix => {
                    let problem = format!("its prefix is {}", prefix.unwrap_or("not there"));
                    self.differs(what.clone(), &problem, "Run setup with that prefix, or rename the publisher.");
                }
            }
        }
        let what = format!("solution {}", solution.unique_name);
        if !self.find(&what, "solutions", &["solutionid"], named(solution.unique_name)).await?.is_empty() {
            self.there(what);
            return Ok(());
        }
        // In a dry run there may be no publisher yet.
        let publisher = found.first().and_then(|row| id(row, "publisherid")).unwrap_or_default();
        self.make(&what, "solutions", payload::solution(solution, publisher)).await.map(drop)
    }

    async fn activity_table(&mut self, table: &ActivityTable) -> Result<(), SetupError> {
        let what = format!("table {}", table.name);
        let present = match self.ask(&what, present::table(self.client, &table.name)).await? {
            Some(present) if !present.is_activity => {
                self.differs(what, "it is no table of activities", "Give the table another name with --table.");
                return Ok(());
            }
            Some(present) => {
                self.there(what);
                present
            }
            None => {
                self.define(what, "EntityDefinitions", payload::activity_table(table)).await?;
                // Nothing else than what every new table has.
                let columns = TableColumns::new();
                PresentTable { is_activity: true, audited: true, columns, keys: Vec::new() }
            }
        };
        let whole = self.columns(&table.name, &table.columns, &present.columns).await?;
        self.key(table, &present, whole).await?;
        self.layout(table).await?;
        if !present.audited {
            self.audit(&table.name).await?;
        }
        Ok(())
    }

    /// Says whether all are there and do, or were made.
    async fn columns(&mut self, table: &str, wanted: &[Column], present: &TableColumns) -> Result<bool, SetupError> {
        let mut whole = true;
        for column in wanted {
            let what = format!("column {table}.{}", column.name);
            match compare::column(column, present.get(&column.name)) {
                Found::Right => self.there(what),
                Found::Missing => {
                    let path = format!("{}/Attributes", present::path(table));
                    self.define(what, &path, payload::column(column)).await?;
                }
                Found::Lacks(options) => {
                    for option in options {
                        let what = format!("option {} of {table}.{}", option.1, column.name);
                        let body = payload::option(table, &column.name, option, self.solution.unique_name);
                        self.make(&what, "InsertOptionValue", body).await?;
                    }
                }
                Found::Differs { problem, remedy } => {
                    whole = false;
                    self.differs(what, &problem, &remedy);
                }
            }
        }
        Ok(whole)
    }

    async fn key(&mut self, table: &ActivityTable, present: &PresentTable, whole: bool) -> Result<(), SetupError> {
        let what = format!("key {}.{}", table.name, table.key.name);
        match compare::key(&table.key, &present.keys) {
            Found::Right => {
                let status = present.keys.iter().find(|key| key.logical_name == table.key.name).map(|key| &key.status);
                match status.map(String::as_str) {
                    Some("Failed") => self.differs(what, KEY_FAILED, KEY_REMEDY),
                    Some("Active") | None => self.there(what),
                    Some(_) => {
                        self.there(what);
                        self.waiting.push((table.name.clone(), table.key.name.clone()));
                    }
                }
            }
            Found::Differs { problem, remedy } => self.differs(what, &problem, &remedy),
            Found::Missing | Found::Lacks(_) if !whole => {
                self.differs(what, "a column of the table differs", "Mend the columns first, and run setup again.");
            }
            Found::Missing | Found::Lacks(_) => {
                let path = format!("{}/Keys", present::path(&table.name));
                if self.define(what, &path, payload::key(&table.key)).await? {
                    self.waiting.push((table.name.clone(), table.key.name.clone()));
                }
            }
        }
        Ok(())
    }

    async fn layout(&mut self, table: &ActivityTable) -> Result<(), SetupError> {
        let ids = table.views.iter().map(|view| view.id.to_string()).collect::<Vec<_>>();
        let filter = query::is_one_of("savedqueryid", ids.iter().map(String::as_str));
        let what = format!("views of {}", table.name);
        let found = self.find(&what, "savedqueries", &["savedqueryid"], filter).await?;
        let found: Vec<Option<Uuid>> = found.iter().map(|row| id(row, "savedqueryid")).collect();
        for view in &table.views {
            let what = format!("view {}", view.name);
            if found.contains(&Some(view.id)) {
                self.there(what);
            } else {
                self.define(what, "savedqueries", payload::view(table, view)).await?;
            }
        }
        let what = format!("form {}", table.form.name);
        if self.find(&what, "systemforms", &["formid"], format!("formid eq {}", table.form.id)).await?.is_empty() {
            self.define(what, "systemforms", payload::form(table)).await?;
        } else {
            self.there(what);
        }
        Ok(())
    }

    async fn audit(&mut self, table: &str) -> Result<(), SetupError> {
        let what = format!("auditing of {table}");
        let path = present::path(table);
        let mut whole = match self.ask(&what, present::get(self.client, path.clone())).await {
            Err(SetupError { error: Error::Service(error), .. }) if error.status == 404 => {
                self.left_out(what, "the environment has no such table");
                return Ok(());
            }
            whole => whole?,
        };
        if whole["IsAuditEnabled"]["Value"] == true {
            self.there(what);
            return Ok(());
        }
        if !self.wanted.dry_run {
            whole["IsAuditEnabled"]["Value"] = json!(true);
            self.ask(&what, self.client.redefine(&path, &whole)).await?;
        }
        self.made(what);
        Ok(())
    }

    async fn root_unit(&mut self) -> Result<Uuid, SetupError> {
        let what = "root business unit";
        let filter = "_parentbusinessunitid_value eq null".to_owned();
        let found = self.find(what, "businessunits", &["businessunitid"], filter).await?;
        found.first().and_then(|row| id(row, "businessunitid")).ok_or_else(|| SetupError {
            what: what.to_owned(),
            error: Error::Protocol("there is none that may be read"),
        })
    }

    async fn role(&mut self, unit: Uuid) -> Result<(), SetupError> {
        let role = &self.solution.role;
        let what = format!("role {}", role.name);
        let filter = format!("name eq {} and _businessunitid_value eq {unit}", query::text(role.name));
        let id_found = self.find(&what, "roles", &["roleid"], filter).await?.first().and_then(|row| id(row, "roleid"));
        let role_id = id_found.unwrap_or(role.id);
        let mut depths: BTreeMap<Uuid, u64> = BTreeMap::new();
        match id_found {
            None => _ = self.define(what.clone(), "roles", payload::role(role, unit)).await?,
            Some(found) => {
                self.there(what.clone());
                let columns = ["privilegeid", "privilegedepthmask"];
                let filter = format!("roleid eq {found}");
                let held = self.find(&what, "roleprivilegescollection", &columns, filter).await?;
                let of = |row: &Value| Some((id(row, "privilegeid")?, row["privilegedepthmask"].as_u64()?));
                depths.extend(held.iter().filter_map(of));
            }
        }
        let names: Vec<&str> = role.privileges.iter().map(|privilege| privilege.name).collect();
        let filter = query::is_one_of("name", names);
        let known = self.find(&what, "privileges", &["privilegeid", "name"], filter).await?;
        let mut to_add: Vec<(Privilege, Uuid)> = Vec::new();
        for privilege in &role.privileges {
            let what = format!("privilege {} ({})", privilege.name, privilege.depth.name());
            let found = known.iter().find(|row| row["name"].as_str() == Some(privilege.name));
            match found.and_then(|row| id(row, "privilegeid")) {
                Some(id) if depths.get(&id).is_some_and(|mask| *mask >= u64::from(privilege.depth.mask())) => {
                    self.there(what);
                }
                Some(id) => to_add.push((*privilege, id)),
                None if privilege.of_optional_table => self.left_out(what, "the environment does not know it"),
                None => self.differs(what, "the environment does not know it", "Tell the connector's makers."),
            }
        }
        if to_add.is_empty() {
            return Ok(());
        }
        let what = format!("privileges of the role {}", role.name);
        let path = format!("roles({role_id})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
        if !self.wanted.dry_run {
            self.ask(&what, self.client.post(&path, &payload::privileges(&to_add, unit))).await?;
        }
        for (privilege, _) in to_add {
            self.made(format!("privilege {} ({})", privilege.name, privilege.depth.name()));
        }
        Ok(())
    }

    async fn application_user(&mut self, application: Uuid, unit: Uuid) -> Result<(), SetupError> {
        let what = format!("application user {application}");
        let columns = ["systemuserid", "isdisabled"];
        let filter = format!("applicationid eq {application}");
        let mut found = self.find(&what, "systemusers", &columns, filter.clone()).await?;
        if found.is_empty() {
            self.make(&what, "systemusers", payload::application_user(application, unit)).await?;
            if self.wanted.dry_run {
                self.made(format!("role of the application user {application}"));
                return Ok(());
            }
            found = self.find(&what, "systemusers", &columns, filter).await?;
        } else if found[0]["isdisabled"] == true {
            self.differs(what.clone(), "it is disabled", "Enable it in the Power Platform admin centre.");
        } else {
            self.there(what.clone());
        }
        let Some(user) = found.first().and_then(|row| id(row, "systemuserid")) else { return Ok(()) };
        let what = format!("role of the application user {application}");
        let name = query::text(self.solution.role.name);
        let path = format!(
            "systemusers({user})/systemuserroles_association?$select=roleid&$filter={}",
            query::encode(&format!("name eq {name}"))
        );
        let held = self.ask(&what, present::get(self.client, path)).await?;
        if held["value"].as_array().is_some_and(|roles| !roles.is_empty()) {
            self.there(what);
            return Ok(());
        }
        if !self.wanted.dry_run {
            // A role has a copy in every business unit; a user is given that of their own.
            let filter = format!("systemuserid eq {user}");
            let of_user = self.find(&what, "systemusers", &["_businessunitid_value"], filter).await?;
            let unit = of_user.first().and_then(|row| id(row, "_businessunitid_value")).unwrap_or(unit);
            let filter = format!("name eq {name} and _businessunitid_value eq {unit}");
            let roles = self.find(&what, "roles", &["roleid"], filter).await?;
            let role = roles.first().and_then(|row| id(row, "roleid")).unwrap_or(self.solution.role.id);
            let link = json!({ "@odata.id": self.client.url(&format!("roles({role})")) });
            let path = format!("systemusers({user})/systemuserroles_association/$ref");
            self.ask(&what, self.client.post(&path, &link)).await?;
        }
        self.made(what);
        Ok(())
    }

    /// Forms, views and columns show themselves to people only once they are published.
    async fn publish(&mut self) -> Result<(), SetupError> {
        let made = |step: &Step| step.state == StepState::Made;
        if self.wanted.dry_run || !self.steps.iter().any(made) {
            return Ok(());
        }
        let solution = self.solution;
        let tables = solution.activities.iter().map(|table| table.name.as_str());
        let tables = tables.chain(solution.extended.iter().map(|table| table.name));
        self.ask("publishing", self.client.post("PublishXml", &payload::publish(tables))).await?;
        self.made("published".to_owned());
        Ok(())
    }

    /// Waits until the alternate keys are in force.
    async fn indexes(&mut self) -> Result<(), SetupError> {
        let begun = Instant::now();
        for (table, key) in std::mem::take(&mut self.waiting) {
            let what = format!("index of the key {table}.{key}");
            let mut pause = Duration::from_millis(100);
            loop {
                let keys = self.ask(&what, present::keys(self.client, &table)).await?;
                let status = keys.iter().find(|found| found.logical_name == key).map(|found| found.status.as_str());
                match status {
                    Some("Active") => self.there(what),
                    Some("Failed") => self.differs(what, KEY_FAILED, KEY_REMEDY),
                    _ if begun.elapsed() > KEY_PATIENCE => {
                        self.left_out(what, "it is still being made; setup says next time whether it succeeded");
                    }
                    _ => {
                        sleep(pause).await;
                        pause = (pause * 2).min(Duration::from_secs(15));
                        continue;
                    }
                }
                break;
            }
        }
        Ok(())
    }

    /// Makes a component of the solution.
    async fn define(&mut self, what: String, path: &str, body: Value) -> Result<bool, SetupError> {
        if !self.wanted.dry_run {
            self.ask(&what, self.client.define(path, self.solution.unique_name, &body)).await?;
        }
        self.made(what);
        Ok(!self.wanted.dry_run)
    }

    /// Makes what belongs to no solution; says whether it did.
    async fn make(&mut self, what: &str, path: &str, body: Value) -> Result<bool, SetupError> {
        if !self.wanted.dry_run {
            self.ask(what, self.client.post(path, &body)).await?;
        }
        self.made(what.to_owned());
        Ok(!self.wanted.dry_run)
    }

    async fn find(&self, what: &str, set: &str, columns: &[&str], filter: String) -> Result<Vec<Value>, SetupError> {
        self.ask(what, present::rows(self.client, set, columns, &filter)).await
    }

    async fn ask<T>(&self, what: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, SetupError> {
        call.await.map_err(|error| SetupError { what: what.to_owned(), error })
    }

    fn there(&mut self, what: String) {
        self.tell(what, StepState::There);
    }

    fn made(&mut self, what: String) {
        self.tell(what, if self.wanted.dry_run { StepState::ToBeMade } else { StepState::Made });
    }

    fn differs(&mut self, what: String, problem: &str, remedy: &str) {
        self.tell(what, StepState::Differs { problem: problem.to_owned(), remedy: remedy.to_owned() });
    }

    fn left_out(&mut self, what: String, problem: &str) {
        self.tell(what, StepState::LeftOut { problem: problem.to_owned() });
    }

    fn tell(&mut self, what: String, state: StepState) {
        let step = Step { what, state };
        (self.told)(&step);
        self.steps.push(step);
    }
}

const KEY_FAILED: &str = "its index could not be made: rows have the same values";
const KEY_REMEDY: &str = "Delete the doubled rows, and reactivate the key in the maker portal (Tables, Keys).";

fn id(row: &Value, column: &str) -> Option<Uuid> {
    row[column].as_str()?.parse().ok()
}

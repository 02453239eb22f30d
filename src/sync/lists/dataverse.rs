//! [`ListMembers`] on the Web API (Microsoft: "Marketing List (List) table/entity reference").

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use serde_json::{Value, json};
use uuid::Uuid;

use super::members::{ListError, ListMembers, ListProblem};
use crate::{
    dataverse::{Client, Columns, Error, Failure, Hold, ListRefusal, Part, query},
    sync::rows::{PersonTable, text},
};

/// The lists of a Dynamics organisation.
pub struct DataverseLists {
    client: Arc<Client>,
}

/// A list as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListRow {
    /// Of contacts or of leads; none for accounts.
    pub members: Option<PersonTable>,
    /// Why it takes nobody.
    pub problem: Option<ListProblem>,
}

impl DataverseLists {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    /// The list of this id; `None` if there is none.
    pub async fn look(&self, list: Uuid) -> Result<Option<ListRow>, Error> {
        let columns = ["createdfromcode", "type", "lockstatus", "statecode"];
        let select = query::select("lists", &columns, &format!("listid eq {list}"));
        let rows = self.client.read(vec![select]).await?.into_iter().flatten().next();
        Ok(rows.map(|row| {
            let is = |column: &str| row.get(column).and_then(Value::as_bool) == Some(true);
            let number = |column: &str| row.get(column).and_then(Value::as_i64);
            let members = match number("createdfromcode") {
                Some(2) => Some(PersonTable::Contact),
                Some(4) => Some(PersonTable::Lead),
                _ => None,
            };
            let problem = match () {
                () if is("type") => Some(ListProblem::Dynamic),
                () if is("lockstatus") => Some(ListProblem::Locked),
                () if number("statecode") == Some(1) => Some(ListProblem::Inactive),
                () => None,
            };
            ListRow { members, problem }
        }))
    }

    /// The memberships of these people: the row's id and the person's.
    async fn memberships(&self, list: Uuid, people: &[Uuid]) -> Result<Vec<(Uuid, Uuid)>, ListError> {
        let people: Vec<String> = people.iter().map(Uuid::to_string).collect();
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        let of = |run: Vec<&str>| {
            let filter = format!("_listid_value eq {list} and {}", query::is_one_of("entityid", run));
            query::select("listmembers", &["listmemberid", "_entityid_value"], &filter)
        };
        let pages = self.client.read(query::chunks(&people).into_iter().map(of).collect()).await.map_err(told)?;
        let id = |row: &Columns, column: &str| text(row, column)?.parse().ok();
        let pair = |row: &Columns| Some((id(row, "listmemberid")?, id(row, "_entityid_value")?));
        Ok(pages.iter().flatten().filter_map(pair).collect())
    }
}

#[async_trait]
impl ListMembers for DataverseLists {
    async fn among(&self, list: Uuid, people: &[Uuid]) -> Result<BTreeSet<Uuid>, ListError> {
        Ok(self.memberships(list, people).await?.into_iter().map(|(_, person)| person).collect())
    }

    async fn add(&self, list: Uuid, table: PersonTable, people: &[Uuid]) -> Result<(), ListError> {
        let table = table.table();
        let kind = format!("Microsoft.Dynamics.CRM.{}", table.name);
        let members: Vec<Value> = people.iter().map(|id| json!({ (table.key): id, "@odata.type": kind })).collect();
        let list = json!({ "listid": list, "@odata.type": "Microsoft.Dynamics.CRM.list" });
        self.client.post("AddListMembersList", &json!({ "List": list, "Members": members })).await.map_err(told)
    }

    async fn remove(&self, list: Uuid, people: &[Uuid]) -> Result<(), ListError> {
        let memberships = self.memberships(list, people).await?;
        let parts: Vec<Part> = memberships.iter().map(|(id, _)| Part::delete(format!("listmembers({id})"))).collect();
        for answer in self.client.batch(&parts).await.map_err(told)? {
            match answer.map_err(|error| told(Error::Service(error))) {
                // Gone meanwhile.
                Ok(_) | Err(ListError::NoSuchPerson) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn told(error: Error) -> ListError {
    let Error::Service(service) = &error else { return ListError::Failed(error.failure()) };
    match service.list_refusal() {
        Some(ListRefusal::WrongType) => ListProblem::WrongType.into(),
        Some(ListRefusal::Locked) => ListProblem::Locked.into(),
        Some(ListRefusal::Inactive) => ListProblem::Inactive.into(),
        Some(ListRefusal::Dynamic) => ListProblem::Dynamic.into(),
        Some(ListRefusal::NoMember) => ListError::NoSuchPerson,
        // "list With Id = … Does Not Exist"
        None if service.is_gone() && service.message.to_lowercase().starts_with("list with") => {
            ListProblem::Missing.into()
        }
        None if service.is_gone() => ListError::NoSuchPerson,
        None => match error.failure() {
            Failure::Held(Hold::Privilege) => ListProblem::Denied.into(),
            Failure::Held(Hold::Schema) => ListProblem::Missing.into(),
            failure => ListError::Failed(failure),
        },
    }
}

//! The marketing list whose members are invited to the webinar, and what came of them.

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{desk::Desk, story};
use crate::{
    dataverse::{Columns, query},
    sync::rows::ActivityTable,
};

/// What became of the people on the list.
#[derive(Debug, Clone, Serialize)]
pub struct Invited {
    /// Contacts on the list.
    pub members: u64,
    /// Invitations that InEvent mailed.
    pub mails: u64,
    /// Of these, how many went to somebody who had one already.
    pub mailed_twice: u64,
    /// Rows of the event that regard a contact on the list: who registered and is still the same person.
    pub came_back: u64,
}

/// A list in the CRM.
pub(super) struct MarketingList {
    id: Uuid,
    members: Vec<Uuid>,
}

impl MarketingList {
    /// Makes one of the contacts of the story.
    pub(super) async fn made(desk: &Desk) -> Result<Self> {
        let client = desk.client();
        let named: Vec<String> =
            story::contacts().map(|(.., email)| format!("emailaddress1 eq {}", query::text(email))).collect();
        let found = client.read(vec![query::select("contacts", &["contactid"], &named.join(" or "))]).await?;
        let member = |row: &Columns| row.get("contactid")?.as_str()?.parse().ok();
        let members: Vec<Uuid> = found.iter().flatten().filter_map(member).collect();
        let (id, kind) = (Uuid::new_v4(), |table: &str| format!("Microsoft.Dynamics.CRM.{table}"));
        let row = json!({ "listid": id, "listname": "Summer Webinar", "createdfromcode": 2, "type": false });
        client.post("lists", &row).await?;
        let rows: Vec<Value> =
            members.iter().map(|id| json!({ "@odata.type": kind("contact"), "contactid": id })).collect();
        let list = json!({ "@odata.type": kind("list"), "listid": id });
        client.post("AddListMembersList", &json!({ "List": list, "Members": rows })).await?;
        Ok(Self { id, members })
    }

    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    /// Has the settings invite them to an event, as an administrator does with `settings set`.
    pub(super) fn invite_to(&self, desk: &Desk, event: &str) -> Result<()> {
        let file = desk.settings_file();
        let mut document: Value = match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).context("the settings are no JSON")?,
            Err(_) => json!({}),
        };
        document["events"][event]["invitations"] = json!({ "lists": [self.id] });
        std::fs::write(&file, document.to_string()).context("the settings cannot be written")
    }

    /// What InEvent's outbox and the CRM say of it.
    pub(super) async fn outcome(&self, desk: &Desk, event: &str) -> Result<Invited> {
        let outbox = desk.organizer().told("mails?kind=invitation").await?;
        let ActivityTable { table, names, .. } = desk.table();
        let filter = format!("{} eq {} and {} eq null", names.event_id, query::text(event), names.session_id);
        let rows = desk.client().read(vec![query::select(table.set, &["_regardingobjectid_value"], &filter)]).await?;
        let regards = |row: &&Columns| {
            let id = row.get("_regardingobjectid_value").and_then(Value::as_str);
            id.and_then(|id| id.parse().ok()).is_some_and(|id: Uuid| self.members.contains(&id))
        };
        Ok(Invited {
            members: self.members() as u64,
            mails: outbox["sent"].as_u64().unwrap_or_default(),
            mailed_twice: outbox["repeated"].as_array().map_or(0, |who| who.len() as u64),
            came_back: rows.iter().flatten().filter(regards).count() as u64,
        })
    }
}

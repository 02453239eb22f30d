//! `QualifyLead`: a lead becomes a contact, an account, an opportunity, and is closed.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::parameters::{flag, row_of};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Assignments, Session};
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::payload::object;

const OPEN: i64 = 0;
const QUALIFIED: i64 = 1;

/// Columns that accounts and contacts take over under the same name.
const SHARED: [&str; 22] = [
    "emailaddress1",
    "emailaddress2",
    "emailaddress3",
    "telephone1",
    "telephone2",
    "telephone3",
    "mobilephone",
    "fax",
    "websiteurl",
    "description",
    "donotemail",
    "donotphone",
    "donotbulkemail",
    "donotpostalmail",
    "donotfax",
    "address1_line1",
    "address1_line2",
    "address1_line3",
    "address1_city",
    "address1_stateorprovince",
    "address1_postalcode",
    "address1_country",
];
const OF_CONTACT: [&str; 5] = ["firstname", "middlename", "lastname", "jobtitle", "salutation"];
const OF_ACCOUNT: [&str; 3] = ["industrycode", "numberofemployees", "revenue"];

struct Lead<'a> {
    session: &'a Session<'a>,
    table: &'a Arc<Table>,
    row: &'a [Value],
    id: Uuid,
}

impl Lead<'_> {
    fn value(&self, name: &str) -> Value {
        self.table.column(name).map_or(Value::Null, |column| self.row[column].clone())
    }

    /// Creates a row of another table from columns of the lead, and some more.
    fn make(&self, target: &str, columns: &[&str], more: &[(&str, Value)]) -> ApiResult<Uuid> {
        let target = self.session.data.schema.table(target).ok_or_else(ApiError::unexpected)?;
        let mut values = Assignments::new();
        let owner = ("ownerid", self.value("ownerid"));
        let copied = columns.iter().map(|name| (*name, self.value(name)));
        for (name, value) in copied.chain([owner]).chain(more.iter().cloned()) {
            if let Some(column) = target.column(name).filter(|_| !value.is_null()) {
                values.push((column, value));
            }
        }
        self.session.create(target, values)
    }
}

/// `POST /leads(id)/Microsoft.Dynamics.CRM.QualifyLead`
pub(super) fn run(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    id: Uuid,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object(&table.set, &operation.request.body)?;
    let status = body.get("Status").ok_or_else(|| super::parameters::required("Status"))?;
    let status = status.as_i64().ok_or_else(|| {
        let inner = format!("Cannot convert the literal '{status}' to the expected type 'Edm.Int32'.");
        ApiError::payload(&table.set, inner)
    })?;
    let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
    let lead = Lead { session, table, row: &row, id };
    if lead.value("statecode") != Value::Int(OPEN) {
        return Err(ApiError::new(400, "0x80040519", "The lead is already closed."));
    }
    let origin = ("originatingleadid", Value::Row(Arc::from("lead"), lead.id));
    let mut made: Vec<(&str, Uuid)> = Vec::new();

    let mut account = lead.value("parentaccountid");
    if flag(body, "CreateAccount") {
        let name = if lead.value("companyname").is_null() { "fullname" } else { "companyname" };
        let columns = [SHARED.as_slice(), &OF_ACCOUNT].concat();
        let id = lead.make("account", &columns, &[("name", lead.value(name)), origin.clone()])?;
        made.push(("account", id));
        account = Value::Row(Arc::from("account"), id);
    }
    let mut contact = lead.value("parentcontactid");
    if flag(body, "CreateContact") {
        let columns = [SHARED.as_slice(), &OF_CONTACT].concat();
        let id = lead.make("contact", &columns, &[("parentcustomerid", account.clone()), origin.clone()])?;
        made.push(("contact", id));
        contact = Value::Row(Arc::from("contact"), id);
    }
    let mut opportunity = Value::Null;
    if flag(body, "CreateOpportunity") {
        let customer = row_of(session, body, "OpportunityCustomerId")?;
        let customer = match customer {
            Some((table, id)) if !session.exists(table, id)? => return Err(ApiError::does_not_exist(table, id)),
            Some((table, id)) => Value::Row(Arc::from(table.logical.as_str()), id),
            None if account.is_null() => contact.clone(),
            None => account.clone(),
        };
        let currency = row_of(session, body, "OpportunityCurrencyId")?;
        let campaign = row_of(session, body, "SourceCampaignId")?;
        let reference = |found: Option<(&Arc<Table>, Uuid)>| {
            found.map_or(Value::Null, |(table, id)| Value::Row(Arc::from(table.logical.as_str()), id))
        };
        let name = if lead.value("subject").is_null() { "fullname" } else { "subject" };
        let more = [
            ("name", lead.value(name)),
            ("customerid", customer),
            ("parentaccountid", account.clone()),
            ("parentcontactid", contact.clone()),
            ("transactioncurrencyid", reference(currency)),
            ("campaignid", reference(campaign)),
            origin,
        ];
        let id = lead.make("opportunity", &["description", "budgetamount"], &more)?;
        made.push(("opportunity", id));
        opportunity = Value::Row(Arc::from("opportunity"), id);
    }

    let mut changes = vec![("statecode", Value::Int(QUALIFIED))];
    // -1 stands for the default status of the state.
    changes.extend((status != -1).then_some(("statuscode", Value::Int(status))));
    changes.extend([
        ("parentaccountid", account),
        ("parentcontactid", contact),
        ("qualifyingopportunityid", opportunity),
    ]);
    let changes = changes.into_iter().filter_map(|(name, value)| Some((table.column(name)?, value))).collect();
    session.update(table, id, &row, changes)?;

    let value: Vec<_> = made
        .iter()
        .filter_map(|(logical, id)| {
            let target = session.data.schema.table(logical)?;
            let key = target.columns[target.id].logical.clone();
            Some(json!({ "@odata.type": format!("#Microsoft.Dynamics.CRM.{logical}"), key: id }))
        })
        .collect();
    let context = format!("{}/$metadata#Collection(Microsoft.Dynamics.CRM.crmbaseentity)", service.root);
    Ok(Response::json(200, json!({ "@odata.context": context, "value": value }).to_string()))
}

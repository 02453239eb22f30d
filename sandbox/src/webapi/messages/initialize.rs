//! `InitializeFrom`: a row to begin with, filled from another one as the attribute maps between their tables say.

use serde_json::{Map, Value as Json};

use super::about::context_of;
use super::parameters::{json as parsed, of_function, reference_of, required, text};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Right, Session};
use crate::webapi::Response;
use crate::webapi::address::Segment;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::render::{Renderer, Shape};

/// Columns that are taken over under the same name, from one table to another.
const SAME: [(&str, &str, &[&str]); 5] = [
    (
        "account",
        "contact",
        &[
            "telephone1",
            "address1_line1",
            "address1_line2",
            "address1_line3",
            "address1_city",
            "address1_stateorprovince",
            "address1_postalcode",
            "address1_country",
            "paymenttermscode",
            "creditlimit",
            "creditonhold",
        ],
    ),
    (
        "lead",
        "contact",
        &["firstname", "middlename", "lastname", "jobtitle", "emailaddress1", "telephone1", "mobilephone"],
    ),
    ("lead", "account", &["telephone1", "fax", "websiteurl", "industrycode", "numberofemployees", "revenue"]),
    (
        "lead",
        "opportunity",
        &["description", "budgetamount", "customerneed", "purchaseprocess", "qualificationcomments"],
    ),
    ("campaign", "campaign", &["typecode", "message", "objective", "expectedresponse"]),
];

/// Lookups of a new row that point to the row it is made from.
const BACK: [(&str, &str, &str); 10] = [
    ("account", "contact", "parentcustomerid"),
    ("contact", "contact", "parentcustomerid"),
    ("account", "account", "parentaccountid"),
    ("account", "opportunity", "customerid"),
    ("contact", "opportunity", "customerid"),
    ("lead", "contact", "originatingleadid"),
    ("lead", "account", "originatingleadid"),
    ("lead", "opportunity", "originatingleadid"),
    ("campaign", "lead", "campaignid"),
    ("campaign", "opportunity", "campaignid"),
];

/// `GET /InitializeFrom(EntityMoniker=@p1,TargetEntityName=@p2,TargetFieldType=@p3)`
pub(super) fn run(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let parameter = |name: &str| of_function(segment, operation, name).ok_or_else(|| required(name));
    let mut parameters = Map::new();
    let moniker = parsed(&parameter("EntityMoniker")?).ok_or_else(|| required("EntityMoniker"))?;
    parameters.insert("EntityMoniker".to_owned(), moniker);
    let (source, id) = reference_of(service, session, &parameters, "EntityMoniker")?;
    let name = text(&parameter("TargetEntityName")?);
    let target = session.data.schema.table(&name).ok_or_else(|| required("TargetEntityName"))?;
    let kind = parameter("TargetFieldType")?;
    let kind = kind.trim_start_matches("Microsoft.Dynamics.CRM.TargetFieldType").trim_matches('\'');
    if !["All", "ValidForCreate", "ValidForUpdate", "ValidForRead"].contains(&kind) {
        return Err(required("TargetFieldType"));
    }
    let row = session.find(&source, id)?.ok_or_else(|| ApiError::does_not_exist(&source, id))?;
    session.check_row(Right::Read, &source, &row)?;

    let mut made = Map::new();
    made.insert("@odata.context".to_owned(), context_of(service, &format!("{}/$entity", target.set)).into());
    made.insert("@odata.type".to_owned(), format!("#Microsoft.Dynamics.CRM.{}", target.logical).into());
    let url = Json::from(format!("{}({id})", source.set));
    made.extend(back(&source, target).map(|navigation| (format!("{navigation}@odata.bind"), url)));
    let same = SAME.iter().filter(|(from, to, _)| *from == source.logical && *to == target.logical);
    let columns: Vec<usize> = same.flat_map(|(.., names)| *names).filter_map(|name| source.column(name)).collect();
    let shape = Shape { select: Some(&columns), ..Shape::default() };
    let rendered = Renderer::new(session, &operation.prefer).row(&source, &row, &shape)?;
    let rendered: Map<String, Json> = serde_json::from_str(&rendered).map_err(|_| ApiError::unexpected())?;
    let named = |name: &str| columns.iter().any(|column| source.columns[*column].logical == name);
    made.extend(rendered.into_iter().filter(|(name, value)| named(name) && !value.is_null()));
    if let Some((from, to)) = renamed(&source.logical, &target.logical)
        && let Some(value) = source.column(from).and_then(|column| row[column].text())
    {
        made.insert(to.to_owned(), value.into());
    }
    Ok(Response::json(200, Json::Object(made).to_string()))
}

/// The navigation property by which the new row points back.
fn back(source: &Table, target: &Table) -> Option<String> {
    let known = BACK.iter().find(|(from, to, _)| *from == source.logical && *to == target.logical);
    let name = match known {
        Some((.., name)) => name,
        None if target.activity && source.has_activities => "regardingobjectid",
        None => return None,
    };
    let lookup = target.columns[target.column(name)?].lookup()?;
    let navigation = lookup.navigations.iter().find(|navigation| navigation.targets.contains(&source.logical))?;
    Some(navigation.name.clone())
}

/// A column that is taken over under another name.
fn renamed(source: &str, target: &str) -> Option<(&'static str, &'static str)> {
    match (source, target) {
        ("lead", "account") => Some(("companyname", "name")),
        ("lead", "opportunity") => Some(("subject", "name")),
        _ => None,
    }
}

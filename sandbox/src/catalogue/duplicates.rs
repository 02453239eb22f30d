//! The rules for duplicates that an organisation is born with: same e-mail address.

use super::{id_of, plant_row, row, text};
use crate::errors::ApiResult;
use crate::records::Session;
use crate::value::Value;

pub(super) fn plant(session: &Session<'_>) -> ApiResult<()> {
    for (table, label) in [("account", "Accounts"), ("contact", "Contacts"), ("lead", "Leads")] {
        let rule = id_of(&format!("duplicaterule:{table}"));
        plant_row(
            session,
            "duplicaterule",
            rule,
            &[
                ("name", text(&format!("{label} with the same e-mail address"))),
                ("baseentityname", text(table)),
                ("matchingentityname", text(table)),
                ("excludeinactiverecords", Value::Int(1)),
                ("statecode", Value::Int(1)),
                ("statuscode", Value::Int(2)),
            ],
        )?;
        plant_row(
            session,
            "duplicaterulecondition",
            id_of(&format!("duplicaterulecondition:{table}")),
            &[
                ("regardingobjectid", row("duplicaterule", rule)),
                ("baseattributename", text("emailaddress1")),
                ("matchingattributename", text("emailaddress1")),
                ("operatorcode", Value::Int(0)),
                ("ignoreblankvalues", Value::Int(1)),
            ],
        )?;
    }
    Ok(())
}

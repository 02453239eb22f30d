//! The tables an organisation is born with.

pub(super) mod activities;
mod background;
mod crm;
mod customers;
mod customizing;
mod duplicates;
mod events;
mod files;
mod lists;
mod notes;
mod organization;
mod people;
mod sales;
mod security;
mod views;

use super::{Table, wire};

/// Every shipped table; with the connector's own table and columns, or without.
pub(crate) fn shipped(connector: bool) -> Vec<Table> {
    let mut tables = vec![
        organization::organization(),
        people::businessunit(),
        people::systemuser(),
        people::team(),
        people::teammembership(),
        crm::account(),
        crm::contact(),
        crm::lead(),
        lists::list(),
        lists::listmember(),
        activities::activitypointer(),
        activities::activityparty(),
        activities::task(),
        activities::event_attendance(),
        activities::appointment(),
        activities::phonecall(),
        activities::email(),
        sales::opportunity(),
        sales::opportunityclose(),
        sales::campaign(),
        notes::annotation(),
        sales::transactioncurrency(),
        security::role(),
        security::privilege(),
        security::roleprivileges(),
        security::systemuserroles(),
        security::teamroles(),
        security::principalobjectaccess(),
        customizing::publisher(),
        customizing::solution(),
        customizing::solutioncomponent(),
        customizing::sdkmessage(),
        customizing::sdkmessagefilter(),
        customizing::asyncoperation(),
        customizing::importjob(),
        duplicates::duplicaterule(),
        duplicates::duplicaterulecondition(),
        background::backgroundoperation(),
        views::savedquery(),
        views::userquery(),
        views::systemform(),
        files::fileattachment(),
        events::event(),
        events::session(),
        events::registration(),
        events::checkin(),
        events::session_registration(),
    ];
    if !connector {
        tables.retain(|table| !table.schema.starts_with(CONNECTOR));
        for table in &mut tables {
            table.columns.retain(|column| !column.schema.starts_with(CONNECTOR));
            table.reindex();
        }
    }
    wire(&mut tables);
    tables
}

/// What the names of the connector's tables and columns begin with.
const CONNECTOR: &str = "new_";

//! The tables an organisation is born with.

mod activities;
mod crm;
mod lists;
mod people;

use super::Table;

/// Every shipped table.
pub(crate) fn shipped() -> Vec<Table> {
    vec![
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
    ]
}

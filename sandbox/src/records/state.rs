//! The state machine: `statecode`, `statuscode`, and which of the latter belong to which of the former.

use uuid::Uuid;

use super::{Assignments, Session};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, StateOption, StatusOption, System, Table};
use crate::organization::CreateState;
use crate::value::Value;

/// The two columns and their options.
struct Machine<'a> {
    state: usize,
    status: usize,
    states: &'a [StateOption],
    statuses: &'a [StatusOption],
}

impl<'a> Machine<'a> {
    fn of(table: &'a Table) -> Option<Self> {
        let (state, status) = (table.system(System::State)?, table.system(System::Status)?);
        match (&table.columns[state].kind, &table.columns[status].kind) {
            (ColumnType::State(states), ColumnType::Status(statuses)) => Some(Self { state, status, states, statuses }),
            _ => None,
        }
    }

    fn default_status(&self, state: i64) -> i64 {
        self.states.iter().find(|option| option.value == state).map_or(0, |option| option.default_status)
    }

    /// The status to keep with a state, or why the two don't go together.
    fn checked(&self, table: &Table, state: i64, status: Option<i64>, id: Uuid) -> ApiResult<Assignments> {
        let status = status.unwrap_or_else(|| self.default_status(state));
        if !self.statuses.iter().any(|option| option.value == status && option.state == state) {
            let label = self.states.iter().find(|option| option.value == state).map_or("", |option| &option.label);
            return Err(ApiError::invalid_status(table, status, label, id));
        }
        Ok(vec![(self.state, Value::Int(state)), (self.status, Value::Int(status))])
    }
}

impl Session<'_> {
    /// State and status of a new row, from what its payload says.
    pub(super) fn first_state(&self, table: &Table, row: &[Value], id: Uuid) -> ApiResult<Assignments> {
        let Some(machine) = Machine::of(table) else { return Ok(Vec::new()) };
        let first = machine.states.first().map_or(0, |option| option.value);
        let (state, status) = (row[machine.state].int().unwrap_or(first), row[machine.status].int());
        if state == first || self.switches.create_state == CreateState::Honour {
            return machine.checked(table, state, status, id);
        }
        match self.switches.create_state {
            CreateState::Refuse => {
                let label = &machine.states[0].label;
                Err(ApiError::invalid_status(table, status.unwrap_or(machine.default_status(state)), label, id))
            }
            _ => machine.checked(table, first, None, id),
        }
    }

    /// State and status after an update, if it touches them.
    pub(super) fn next_state(
        &self,
        table: &Table,
        old: &[Value],
        new: &Assignments,
        id: Uuid,
    ) -> ApiResult<Assignments> {
        let Some(machine) = Machine::of(table) else { return Ok(Vec::new()) };
        let of = |column: usize| new.iter().rev().find(|(c, _)| *c == column).and_then(|(_, value)| value.int());
        let current = old[machine.state].int().unwrap_or(0);
        match (of(machine.state), of(machine.status)) {
            (None, None) => {
                if self.switches.closed_activities_are_read_only && table.activity && (current == 1 || current == 2) {
                    let message = format!("The {} With Id = {id} is closed and can't be changed.", table.logical);
                    return Err(ApiError::invalid_argument(message));
                }
                Ok(Vec::new())
            }
            (None, status) => machine.checked(table, current, status, id),
            // Setting the state a row has already leaves its status alone.
            (Some(state), None) if state == current => Ok(Vec::new()),
            (Some(state), status) => machine.checked(table, state, status, id),
        }
    }
}

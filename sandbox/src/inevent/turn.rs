//! One call being carried out.

use super::call::Call;
use super::envelope::Problem;
use super::hooks::Trigger;
use super::model::{Activity, Attendee, COMPANY, Event};
use super::state::World;
use super::tokens::Scope;

/// A call, who makes it, and what it works on.
pub(super) struct Turn<'a> {
    pub(super) call: &'a Call,
    pub(super) world: &'a mut World,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// What the caller's token opens; nobody's if there is none.
    pub(super) scope: Option<Scope>,
}

impl Turn<'_> {
    /// The event of `eventID`.
    pub(super) fn event(&self) -> Result<&Event, Problem> {
        self.found(self.call.id("eventID")?)
    }

    pub(super) fn found(&self, event: u64) -> Result<&Event, Problem> {
        self.world.model.events.get(&event).ok_or_else(|| Problem::missing("eventID"))
    }

    pub(super) fn event_mut(&mut self) -> Result<&mut Event, Problem> {
        let id = self.call.id("eventID")?;
        self.event_by(id)
    }

    pub(super) fn event_by(&mut self, id: u64) -> Result<&mut Event, Problem> {
        self.world.model.events.get_mut(&id).ok_or_else(|| Problem::missing("eventID"))
    }

    /// The event of the activity of `activityID`, and both ids.
    pub(super) fn activity_ids(&self) -> Result<(u64, u64), Problem> {
        let activity = self.call.id("activityID")?;
        let event = self.world.model.event_of(activity).ok_or_else(|| Problem::missing("activityID"))?;
        Ok((event.id, activity))
    }

    pub(super) fn activity_mut(&mut self, event: u64, activity: u64) -> Result<&mut Activity, Problem> {
        self.event_by(event)?.activities.get_mut(&activity).ok_or_else(|| Problem::missing("activityID"))
    }

    pub(super) fn person_mut(&mut self, event: u64, person: u64) -> Result<&mut Attendee, Problem> {
        self.event_by(event)?.person_mut(person)
    }

    /// Refuses a `companyID` other than the one there is.
    pub(super) fn company(&self) -> Result<(), Problem> {
        if self.call.id("companyID")? == COMPANY { Ok(()) } else { Err(Problem::missing("companyID")) }
    }

    pub(super) fn tell(&mut self, trigger: Trigger, event: u64, person: Option<u64>, activity: Option<u64>) {
        self.world.tell(trigger, event, person, activity, self.now);
    }
}

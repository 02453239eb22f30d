//! The pace of an event's own, for what is about that event only.

use super::{Engine, Stop};
use crate::sync::rules::Rules;

/// The one event that all of these are, where that has a pace of its own.
pub(super) fn own_event<'a>(mut events: impl Iterator<Item = &'a str>, rules: &Rules) -> Option<&'a str> {
    let only = events.next().filter(|first| events.all(|event| event == *first));
    only.filter(|event| rules.own_pace(event).is_some())
}

impl Engine {
    /// What writes a batch about these events: the engine itself, or where they are one that has a pace of its own, one that keeps it.
    ///
    /// # Errors
    /// [`Stop::Paced`].
    pub(super) fn at_pace_of<'a>(&self, events: impl Iterator<Item = &'a str>, rules: &Rules) -> Result<Self, Stop> {
        let own = own_event(events, rules).and_then(|event| Some((event, rules.own_pace(event)?)));
        let Some((event, own)) = own else { return Ok(self.clone()) };
        let Some(paced) = self.crm.at_pace(event, &own).map_err(Stop::Paced)? else { return Ok(self.clone()) };
        let lists = self.lists.as_ref().map(|lists| lists.through(paced.members));
        Ok(Self { crm: paced.crm, lists, ..self.clone() })
    }
}

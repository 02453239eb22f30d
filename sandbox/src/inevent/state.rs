//! Everything a running stand-in shares between its connections.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::envelope::row;
use super::hooks::{Hooks, Subject, Trigger};
use super::meter::Meter;
use super::model::{COMPANY, Model};
use super::rows;
use super::tokens::Tokens;
use super::variants::Variants;
use crate::admin::Faults;
use crate::clock::Clock;
use crate::seed::Seed;

/// The state of a stand-in.
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    world: Mutex<World>,
    meter: Mutex<Meter>,
    /// Rings when there may be something to send.
    pub(super) wake: Notify,
    seed: Seed,
}

impl State {
    pub(super) fn new(seed: Seed) -> Self {
        let clock = Clock::default();
        let world = Mutex::new(World::new(seed, clock.now()));
        Self { clock, faults: Faults::default(), world, meter: Mutex::default(), wake: Notify::new(), seed }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces events that have ended.
    pub(super) fn look_at_the_clock(&self) {
        self.world().announce_ends(self.clock.now());
        self.wake.notify_one();
    }

    /// Back to the beginning; the clock stays.
    pub(super) fn reset(&self) {
        self.faults.clear();
        *self.world() = World::new(self.seed, self.clock.now());
        *self.meter() = Meter::default();
    }
}

/// What calls read and change; locked as a whole.
pub(super) struct World {
    pub(super) model: Model,
    pub(super) tokens: Tokens,
    pub(super) hooks: Hooks,
    pub(super) variants: Variants,
    pub(super) snapshots: HashMap<String, Model>,
    /// Lists of people that were asked for, until something changes.
    pub(super) lists: HashMap<String, Vec<u64>>,
}

impl World {
    fn new(seed: Seed, now: i64) -> Self {
        Self {
            model: Model::new(seed, now),
            tokens: Tokens::default(),
            hooks: Hooks::new(),
            variants: Variants::default(),
            snapshots: HashMap::new(),
            lists: HashMap::new(),
        }
    }

    /// Tells those who want to know what happened, and when. A dismissal is told while the person is still there.
    pub(super) fn tell(&mut self, trigger: Trigger, event: u64, person: Option<u64>, activity: Option<u64>, at: i64) {
        if self.hooks.wanted(trigger, event) {
            let subject = self.subject(event, person, activity, at);
            self.hooks.tell(trigger, event, &subject, at);
        }
    }

    /// What a delivery says of these.
    pub(super) fn subject(&self, event: u64, person: Option<u64>, activity: Option<u64>, at: i64) -> Subject {
        let mut ids = row([("companyID", COMPANY.to_string()), ("eventID", event.to_string())]);
        for (name, id) in [("activityID", activity), ("personID", person)] {
            if let Some(id) = id {
                ids.push(name, id.to_string());
            }
        }
        ids.push("date", at.to_string());
        let details = self.model.events.get(&event).and_then(|found| match (person, activity) {
            (Some(person), _) => Some(rows::attendee(found, found.people.get(&person)?, true, &self.variants)),
            (None, Some(activity)) => Some(rows::activity(event, activity, found.activities.get(&activity)?)),
            (None, None) => Some(rows::event(found)),
        });
        Subject { ids, details: details.unwrap_or_default() }
    }

    /// Announces events that have ended.
    pub(super) fn announce_ends(&mut self, now: i64) {
        let ended = self.model.events.values_mut().filter(|event| event.end <= now && !event.end_announced);
        let ended: Vec<u64> = ended
            .map(|event| {
                event.end_announced = true;
                event.id
            })
            .collect();
        for event in ended {
            self.tell(Trigger::EndOfEvent, event, None, None, now);
        }
    }
}

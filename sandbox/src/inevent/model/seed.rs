//! What a company starts with.

use super::{Activity, Event, Model, Question};
use crate::seed::Seed;

/// The id of the event that is there from the beginning.
const EVENT: u64 = 4711;

const DAY: i64 = 86_400;

impl Model {
    /// Nothing, or an event in thirty days with two activities and three questions.
    pub(in crate::inevent) fn new(seed: Seed, now: i64) -> Self {
        let mut model = Self::empty();
        if seed == Seed::Empty {
            return model;
        }
        let morning = now - now.rem_euclid(DAY) + 30 * DAY + 8 * 3600;
        let mut event = Event::new(EVENT, "Partner Day", morning, morning + 8 * 3600, now);
        for (id, name, hour) in [(47_111, "Keynote", 0), (47_112, "Workshop", 2)] {
            let begin = morning + hour * 3600;
            event.activities.insert(id, Activity::new(name, begin, begin + 3600));
        }
        for (id, text, kind) in
            [(47_121, "Budget", "text"), (47_122, "Interests", "multiple"), (47_123, "Diet", "select")]
        {
            event.questions.insert(id, Question::new(id, text, "", kind));
        }
        model.events.insert(EVENT, event);
        model
    }
}

impl Activity {
    pub(in crate::inevent) fn new(name: &str, begin: i64, end: i64) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            location: String::new(),
            begin,
            end,
            capacity: String::new(),
            tags: Vec::new(),
            people: Default::default(),
        }
    }
}

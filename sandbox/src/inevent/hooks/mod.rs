//! Webhooks: who is told of what, the deliveries on their way, and their log.

mod body;
mod settings;
mod trigger;

pub(super) mod delivery;

pub(super) use body::Subject;
pub(super) use settings::Settings;
pub(super) use trigger::Trigger;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::Serialize;

/// Older entries of the log are dropped beyond this number.
const KEPT: usize = 50_000;

/// A registered webhook: one type, one URL, for one event or the whole company.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) trigger: Trigger,
    pub(super) url: String,
    pub(super) event: Option<u64>,
}

/// A delivery on its way.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    webhook: u64,
    literal: String,
    event: u64,
    url: String,
    content_type: &'static str,
    body: String,
    attempts: u32,
}

/// What became of an attempt.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Logged {
    pub(super) webhook: u64,
    #[serde(rename = "type")]
    pub(super) literal: String,
    pub(super) event: u64,
    pub(super) url: String,
    pub(super) body: String,
    /// Seconds since 1970, by the stand-in's clock.
    pub(super) at: i64,
    pub(super) outcome: Outcome,
    /// Of the answer; 0 if there was none.
    pub(super) status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Delivered,
    Failed,
    /// Never sent, on demand.
    Lost,
}

/// How many of each.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Counts {
    /// Waiting or under way.
    pending: usize,
    delivered: u64,
    failed: u64,
    lost: u64,
    duplicated: u64,
}

/// The webhooks of a company.
pub(super) struct Hooks {
    settings: Settings,
    random: Rng,
    pub(super) registered: BTreeMap<u64, Webhook>,
    /// By due time, then in the order they were made.
    waiting: BTreeMap<(Instant, u64), Delivery>,
    made: u64,
    under_way: usize,
    counts: Counts,
    pub(super) log: VecDeque<Logged>,
}

impl Hooks {
    pub(super) fn new() -> Self {
        let settings = Settings::default();
        Self {
            random: Rng::with_seed(settings.seed),
            settings,
            registered: BTreeMap::new(),
            waiting: BTreeMap::new(),
            made: 0,
            under_way: 0,
            counts: Counts::default(),
            log: VecDeque::new(),
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sets how webhooks look and fare from now on.
    pub(super) fn set(&mut self, settings: Settings) {
        self.random = Rng::with_seed(settings.seed);
        self.settings = settings;
    }

    pub(super) fn trigger(&self, literal: &str) -> Option<Trigger> {
        Trigger::named(literal, |trigger| self.settings.literal(trigger))
    }

    pub(super) fn literal(&self, trigger: Trigger) -> String {
        self.settings.literal(trigger)
    }

    /// Whether anybody wants to be told.
    pub(super) fn wanted(&self, trigger: Trigger, event: u64) -> bool {
        self.registered.values().any(|hook| hook.wants(trigger, event))
    }

    /// Tells everybody who wants to be told; some deliveries get lost, late or doubled on demand.
    pub(super) fn tell(&mut self, trigger: Trigger, event: u64, subject: &Subject, at: i64) {
        let hooks = self.registered.iter().filter(|(_, hook)| hook.wants(trigger, event));
        let hooks: Vec<_> = hooks.map(|(id, hook)| (*id, hook.url.clone())).collect();
        for (webhook, url) in hooks {
            let (content_type, body) = body::body(trigger, subject, &self.settings);
            let literal = self.settings.literal(trigger);
            let delivery = Delivery { webhook, literal, event, url, content_type, body, attempts: 0 };
            if self.random.f64() < self.settings.loss {
                self.counts.lost += 1;
                self.note(&delivery, Outcome::Lost, 0, at);
                continue;
            }
            if self.random.f64() < self.settings.duplication {
                self.counts.duplicated += 1;
                self.send(delivery.clone());
            }
            self.send(delivery);
        }
    }

    /// What a webhook would be sent.
    pub(super) fn example(&self, trigger: Trigger, subject: &Subject) -> String {
        body::body(trigger, subject, &self.settings).1
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { pending: self.waiting.len() + self.under_way, ..self.counts.clone() }
    }

    /// Forgets log and counts; what is on its way stays.
    pub(super) fn clear(&mut self) {
        self.counts = Counts::default();
        self.log.clear();
    }

    fn send(&mut self, delivery: Delivery) {
        let wait = self.settings.delay_ms + self.random.u64(0..=self.settings.shuffle_ms);
        self.made += 1;
        self.waiting.insert((Instant::now() + Duration::from_millis(wait), self.made), delivery);
    }

    /// The next delivery that is due and has room on the way.
    fn next(&mut self, now: Instant) -> Option<Delivery> {
        if self.under_way >= self.settings.parallel.max(1) || self.waiting.first_key_value()?.0.0 > now {
            return None;
        }
        self.under_way += 1;
        self.waiting.pop_first().map(|(_, delivery)| delivery)
    }

    /// When the next delivery is due, if there is room for it.
    fn due(&self) -> Option<Instant> {
        let room = self.under_way < self.settings.parallel.max(1);
        self.waiting.first_key_value().filter(|_| room).map(|((due, _), _)| *due)
    }

    /// Notes what became of an attempt, and tries once more if that is wanted.
    fn arrived(&mut self, mut delivery: Delivery, status: u16, now: i64) {
        self.under_way = self.under_way.saturating_sub(1);
        let delivered = (200..300).contains(&status);
        self.note(&delivery, if delivered { Outcome::Delivered } else { Outcome::Failed }, status, now);
        if delivered {
            self.counts.delivered += 1;
        } else if delivery.attempts < self.settings.retries {
            delivery.attempts += 1;
            self.made += 1;
            let due = Instant::now() + Duration::from_millis(self.settings.retry_ms);
            self.waiting.insert((due, self.made), delivery);
        } else {
            self.counts.failed += 1;
        }
    }

    fn note(&mut self, delivery: &Delivery, outcome: Outcome, status: u16, at: i64) {
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        let Delivery { webhook, literal, event, url, body, .. } = delivery.clone();
        self.log.push_back(Logged { webhook, literal, event, url, body, at, outcome, status });
    }
}

impl Webhook {
    fn wants(&self, trigger: Trigger, event: u64) -> bool {
        self.trigger == trigger && self.event.is_none_or(|wanted| wanted == event)
    }
}

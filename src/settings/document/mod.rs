//! The settings document: what an administrator decides, for all events and for single ones.
//!
//! These types are the one definition: defaults, documentation, the published schema (`docs/settings.schema.json`) and the shape
//! that is accepted come from them. What a shape cannot say is in `check`.

mod activity;
mod changes;
mod check;
mod expression;
mod inevent;
mod invitations;
mod lists;
mod mapping;
mod matching;
mod read;
mod reconcile;
mod reference;
mod related;
mod template;
mod writing;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use activity::{Level, Lookup, Partial, Principal};
pub use changes::{Change, changes};
pub use check::is_column_name;
pub use expression::{Expression, ExpressionError};
pub use inevent::{InEvent, Trigger};
pub use invitations::{Invitations, Sending};
pub use lists::ListRule;
pub use mapping::{Choice, Field, LookupBy, MappedRow, Mapping, Mode, Source, Target, TooLong};
pub use matching::{ClosedDuplicates, Key, KeyPart, Matching, WithoutKey};
pub use read::{DocumentError, Problem, read};
pub use reconcile::{Reconcile, ScoreSource};
pub use reference::reference;
pub use related::{ByPerson, Related, RelatedKey};
pub use template::{Template, TemplateProblem};
pub use writing::{OwnPace, Pace, Writing};

use crate::settings::Prefix;

/// The newest version of the document that this release understands.
pub const VERSION: u32 = 1;

/// The settings of the connector. Every setting may be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of this document's form. A connector that is older than the document holds all events instead of guessing.
    #[serde(default = "version")]
    #[schemars(range(min = 1))]
    pub version: u32,
    /// What holds for every event.
    #[serde(default)]
    pub defaults: EventSettings,
    /// What differs for single events, by InEvent's event id. A setting that is left out there is as in `defaults`; a list that is
    /// given replaces the whole list.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, EventSettings>")]
    pub events: BTreeMap<String, Overrides>,
    /// How fast the connector writes, all events together.
    #[serde(default)]
    pub pace: Pace,
    /// How InEvent's webhooks are understood.
    #[serde(default)]
    pub inevent: InEvent,
    /// Where editors find the schema; the connector does not look at it.
    #[serde(default, rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What the names begin with that are left out. The environment's, not the document's.
    #[serde(skip)]
    pub prefix: Prefix,
}

/// The settings that one event has of its own, checked to have the shape of [`EventSettings`].
pub type Overrides = Map<String, Value>;

/// How one event is brought into the CRM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// Whether anything is written for the event. What arrives while this is off is dropped.
    pub sync: bool,
    pub matching: Matching,
    /// What becomes of a participant whom no contact and no open lead matches.
    pub unmatched: Unmatched,
    /// Whether a new lead or contact gets its keys and its name only, and everything else is left to the CRM for good.
    pub minimal_create: bool,
    /// Participants with an address in one of these domains, or in a subdomain of one, are left out altogether.
    pub excluded_domains: Vec<String>,
    /// An expression (see `source.expression` of a mapping) that must be true of a statement; whatever it is not true of is left out
    /// altogether.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_if: Option<String>,
    /// The topic of a new lead. `{name}` is the event's name, or its id where it has none. Cut to 300 characters.
    pub lead_topic: Template,
    /// The subject of an attendance row. `{status}` is "Registered for", "Attended", "No show", "Partial" or "Cancelled"; `{name}` is
    /// the name of the event or session, or its id. Cut to 200 characters. It is written anew when status or name change.
    pub subject: Template,
    /// When attendance rows are written: as statements arrive, gathered, or gathered while there are many.
    pub writing: Writing,
    /// How many minutes statements are gathered for, 1 to 60. They are written when the clock's minute is a multiple of it.
    #[schemars(range(min = 1, max = 60))]
    pub batch_minutes: u16,
    /// With `automatic`: from how many waiting messages on statements are gathered. They are until fewer than half as many wait.
    pub backlog_threshold: u64,
    /// How fast the event is written, where that differs from the `pace` that stands beside `defaults`: in batches of its own, within
    /// limits of its own. In `defaults` it holds for each event by itself.
    pub pace: Option<OwnPace>,
    /// How much of the event is written.
    pub level: Level,
    /// The activity table that its rows go to, by logical name: `new_eventattendance` (or what it is called under your prefix), another
    /// one with the same columns, or the platform's own `appointment` or `phonecall`, where the order of deliveries is kept less well
    /// (`docs/settings.md`).
    pub activity_table: String,
    /// When somebody was there only in part.
    pub partial: Option<Partial>,
    /// Whether rows stay open. Otherwise they are completed when it is settled who was there, and canceled with the registration.
    pub leave_open: bool,
    /// Lookup columns of the activity table, and the rows that they point to.
    pub lookups: Vec<Lookup>,
    /// Whether a row changes its owner with the contact or lead. It always starts with theirs.
    pub follow_owner: bool,
    /// Who owns a row that the owner of the contact or lead cannot own. Without it the application user.
    pub fallback_owner: Option<Principal>,
    /// A minijinja expression over an event that gives the score, such as `answers.Points`. Without it the event's `score` counts. What
    /// it gives that is no number states nothing.
    pub score: Option<String>,
    /// Which value goes to which column of contact and lead. The address itself is not mapped: people are found by it. Without this the
    /// built-in ones, of which two go to columns under your prefix.
    pub mappings: Vec<Mapping>,
    /// Who is put on which marketing list.
    pub list_rules: Vec<ListRule>,
    /// Who is invited to the event.
    pub invitations: Invitations,
    /// What the connector looks up in InEvent by itself.
    pub reconcile: Reconcile,
    /// Rows beside person and attendance that columns are mapped to, by a name of your own. `account` is there without being described.
    pub related: BTreeMap<String, Related>,
}

/// What becomes of a participant whom nobody in the CRM matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// A new lead is created.
    #[default]
    CreateLead,
    /// A new contact is created.
    CreateContact,
    /// Nobody is created. The attendance row is written, and regards nobody until somebody has the address.
    UpdateOnly,
    /// Nothing is written about the participant.
    Ignore,
}

/// What holds where nothing is set, under the prefix `new`.
impl Default for Document {
    fn default() -> Self {
        Self::under(&Prefix::default())
    }
}

/// What holds where nothing is set, under the prefix `new`.
impl Default for EventSettings {
    fn default() -> Self {
        Self::under(&Prefix::default())
    }
}

impl EventSettings {
    fn under(prefix: &Prefix) -> Self {
        Self {
            sync: true,
            matching: Matching::default(),
            unmatched: Unmatched::default(),
            minimal_create: false,
            excluded_domains: Vec::new(),
            only_if: None,
            lead_topic: Template::lead_topic(),
            subject: Template::subject(),
            writing: Writing::default(),
            batch_minutes: writing::BATCH_MINUTES,
            backlog_threshold: writing::BACKLOG,
            pace: None,
            level: Level::default(),
            activity_table: prefix.activity_table(),
            partial: None,
            leave_open: false,
            lookups: Vec::new(),
            follow_owner: false,
            fallback_owner: None,
            score: None,
            mappings: mapping::built_in(prefix),
            list_rules: Vec::new(),
            invitations: Invitations::default(),
            reconcile: Reconcile::default(),
            related: BTreeMap::new(),
        }
    }
}

fn version() -> u32 {
    VERSION
}

impl EventSettings {
    /// `excluded_domains` as [`crate::model::Address::is_in`] takes them.
    pub fn bare_excluded_domains(&self) -> Vec<String> {
        let bare = |domain: &String| domain.trim().trim_start_matches('.').to_lowercase();
        self.excluded_domains.iter().map(bare).collect()
    }
}

impl Document {
    /// What holds where nothing is set.
    pub fn under(prefix: &Prefix) -> Self {
        Self {
            version: VERSION,
            defaults: EventSettings::under(prefix),
            events: BTreeMap::new(),
            pace: Pace::default(),
            inevent: InEvent::default(),
            schema: None,
            prefix: prefix.clone(),
        }
    }

    /// The same, where what `text` does not set is named under the prefix.
    fn named(mut self, prefix: &Prefix, text: &Value) -> Self {
        let EventSettings { activity_table, mappings, .. } = EventSettings::under(prefix);
        let is_set = |name: &str| text["defaults"].get(name).is_some();
        if !is_set("activity_table") {
            self.defaults.activity_table = activity_table;
        }
        if !is_set("mappings") {
            self.defaults.mappings = mappings;
        }
        self.prefix = prefix.clone();
        self
    }

    /// The settings in force for an event. An id without settings of its own gives the defaults.
    pub fn effective(&self, event: &str) -> EventSettings {
        let Some(own) = self.events.get(event) else { return self.defaults.clone() };
        let Ok(Value::Object(mut merged)) = serde_json::to_value(&self.defaults) else { return self.defaults.clone() };
        merged.extend(own.clone());
        // What was read has been checked to have this shape.
        serde_json::from_value(merged.into()).unwrap_or_else(|_| self.defaults.clone())
    }
}

/// The JSON Schema of [`Document`], as text.
pub fn json_schema() -> String {
    serde_json::to_string_pretty(&schemars::schema_for!(Document)).unwrap_or_default()
}

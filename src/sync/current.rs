//! The rules in force: read from where the settings are kept, again and again, so that a change takes effect without a restart.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{crm::Crm, outcome::Held, rules::Rules, surroundings::Surroundings};
use crate::{
    dataverse::Failure,
    settings::{
        document::{self, Document, DocumentError, Problem},
        kept::{ETag, PlaceError, SettingsPlace},
    },
};

/// How long the definitions of tables are relied on, and how soon rules that do not fit them are looked at again.
const DEFINITIONS_LAST: Duration = Duration::from_secs(60 * 60);
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Why there are no rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRules {
    /// Dataverse did not tell its definitions, or the place of the settings did not answer.
    Failed(Failure),
    /// The settings must be mended.
    Held(Held),
}

impl From<Failure> for NoRules {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The settings of one process.
pub struct CurrentSettings {
    place: Option<Arc<dyn SettingsPlace>>,
    known: Mutex<Option<Known>>,
}

/// What was made of the settings last.
struct Known {
    etag: Option<ETag>,
    rules: Result<Arc<Rules>, Held>,
    /// When the place was looked at, and when the rules were made.
    read: Instant,
    made: Instant,
}

impl CurrentSettings {
    /// The defaults, for ever.
    pub fn defaults() -> Self {
        Self { place: None, known: Mutex::default() }
    }

    pub fn kept(place: Arc<dyn SettingsPlace>) -> Self {
        Self { place: Some(place), known: Mutex::default() }
    }

    /// The rules as they are now.
    ///
    /// # Errors
    /// When nothing can be written before somebody mends the settings, or for the moment.
    pub async fn rules(&self, crm: &dyn Crm) -> Result<Arc<Rules>, NoRules> {
        let mut known = self.known.lock().await;
        let now = Instant::now();
        let kept = match (&self.place, &mut *known) {
            (None, Some(known)) => return known.rules.clone().map_err(NoRules::Held),
            (None, None) => None,
            (Some(place), Some(known)) if now < known.read + place.fresh_for() => {
                return known.rules.clone().map_err(NoRules::Held);
            }
            (Some(place), last) => match (place.read().await, last) {
                (Ok(kept), _) => kept,
                // What was known a moment ago is better than nothing; what never was must wait.
                (Err(PlaceError::Unavailable(why)), Some(known)) => {
                    tracing::warn!(why, "the settings could not be read again");
                    known.read = now;
                    return known.rules.clone().map_err(NoRules::Held);
                }
                (Err(PlaceError::Unavailable(why)), None) => {
                    tracing::warn!(why, "the settings could not be read");
                    return Err(Failure::Transient { retry_after: None }.into());
                }
                (Err(PlaceError::Unreadable(why)), _) => {
                    return Err(NoRules::Held(held(format!("Make the settings readable: {why}."))));
                }
                (Err(PlaceError::Changed), _) => return Err(Failure::Transient { retry_after: None }.into()),
            },
        };
        let etag = kept.as_ref().map(|kept| kept.etag.clone());
        if let Some(known) = known.as_mut().filter(|known| known.etag == etag && now < known.made + known.lasts()) {
            known.read = now;
            return known.rules.clone().map_err(NoRules::Held);
        }
        let prefix = &crm.names().prefix;
        let rules = match kept.map_or(Ok(Document::under(prefix)), |kept| document::read(&kept.text, prefix)) {
            Ok(document) => make(&document, crm).await?.map_err(|problems| held(told(&problems))),
            Err(error) => Err(held(remedy(&error))),
        };
        let rules = rules.map(Arc::new);
        *known = Some(Known { etag, rules: rules.clone(), read: now, made: now });
        rules.map_err(NoRules::Held)
    }
}

impl Known {
    fn lasts(&self) -> Duration {
        if self.rules.is_ok() { DEFINITIONS_LAST } else { LOOK_AGAIN }
    }
}

/// The rules of a document over the definitions that it needs.
async fn make(document: &Document, crm: &dyn Crm) -> Result<Result<Rules, Vec<Problem>>, Failure> {
    let around = Surroundings::look(document, false, crm).await?;
    Ok(Rules::new(document, &around))
}

fn held(remedy: String) -> Held {
    Held { name: "settings", remedy }
}

fn remedy(error: &DocumentError) -> String {
    match error {
        DocumentError::Invalid(problems) => told(problems),
        newer @ DocumentError::Newer { .. } => newer.to_string(),
    }
}

fn told(problems: &[Problem]) -> String {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    format!("Correct the settings document. {}", problems.join(" "))
}

//! How webhooks are understood, from the settings document, read again and again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::{
    settings::{
        document::{self, InEvent},
        kept::{PlaceError, SettingsPlace},
    },
    sync::outcome::{Held, Postponement},
};

/// How long a file is relied on, which is read for every batch otherwise.
const LEAST: Duration = Duration::from_secs(1);

/// The document's section `inevent`.
#[derive(Debug)]
pub struct Triggers {
    /// None: the defaults, for ever.
    place: Option<Arc<dyn SettingsPlace>>,
    known: Mutex<Option<(Instant, Arc<InEvent>)>>,
}

impl Triggers {
    pub fn new(place: Option<Arc<dyn SettingsPlace>>) -> Self {
        Self { place, known: Mutex::default() }
    }

    /// As it is now.
    ///
    /// # Errors
    /// When the document must be mended first, or cannot be read for the moment and never was.
    pub async fn current(&self) -> Result<Arc<InEvent>, Postponement> {
        let mut known = self.known.lock().await;
        let fresh_for = self.place.as_ref().map_or(Duration::MAX, |place| place.fresh_for().max(LEAST));
        if let Some((read, inevent)) = known.as_ref()
            && read.elapsed() < fresh_for
        {
            return Ok(inevent.clone());
        }
        let held = |remedy| Postponement::Held(Held { name: "settings", remedy });
        let inevent = match &self.place {
            None => InEvent::default(),
            Some(place) => match place.read().await {
                Ok(None) => InEvent::default(),
                Ok(Some(kept)) => {
                    let read = document::read(&kept.text);
                    read.map_err(|error| held(format!("Correct the settings document. {error}")))?.inevent
                }
                Err(PlaceError::Unreadable(why)) => return Err(held(format!("Make the settings readable: {why}."))),
                Err(PlaceError::Unavailable(_) | PlaceError::Changed) => match known.as_ref() {
                    Some((_, inevent)) => return Ok(inevent.clone()),
                    None => return Err(Postponement::Transient { retry_after: None }),
                },
            },
        };
        let inevent = Arc::new(inevent);
        *known = Some((Instant::now(), inevent.clone()));
        Ok(inevent)
    }
}

//! The settings document as the functions beside the engine see it, read again and again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::{
    settings::{
        Prefix,
        document::{self, Document},
        kept::{PlaceError, SettingsPlace},
    },
    sync::outcome::{Held, Postponement},
};

/// How long a file is relied on, which is read for every batch otherwise.
const LEAST: Duration = Duration::from_secs(1);

/// The document, wherever it is kept.
#[derive(Debug)]
pub struct CurrentDocument {
    /// None: the defaults, for ever.
    place: Option<Arc<dyn SettingsPlace>>,
    prefix: Prefix,
    known: Mutex<Option<(Instant, Arc<Document>)>>,
}

impl CurrentDocument {
    pub fn new(place: Option<Arc<dyn SettingsPlace>>, prefix: Prefix) -> Self {
        Self { place, prefix, known: Mutex::default() }
    }

    /// As it is now.
    ///
    /// # Errors
    /// When the document must be mended first, or cannot be read for the moment and never was.
    pub async fn document(&self) -> Result<Arc<Document>, Postponement> {
        let mut known = self.known.lock().await;
        let fresh_for = self.place.as_ref().map_or(Duration::MAX, |place| place.fresh_for().max(LEAST));
        if let Some((read, document)) = known.as_ref()
            && read.elapsed() < fresh_for
        {
            return Ok(document.clone());
        }
        let held = |remedy| Postponement::Held(Held { name: "settings", remedy });
        let document = match &self.place {
            None => Document::under(&self.prefix),
            Some(place) => match place.read().await {
                Ok(None) => Document::under(&self.prefix),
                Ok(Some(kept)) => {
                    let read = document::read(&kept.text, &self.prefix);
                    read.map_err(|error| held(format!("Correct the settings document. {error}")))?
                }
                Err(PlaceError::Unreadable(why)) => return Err(held(format!("Make the settings readable: {why}."))),
                Err(PlaceError::Unavailable(_) | PlaceError::Changed) => match known.as_ref() {
                    Some((_, document)) => return Ok(document.clone()),
                    None => return Err(Postponement::Transient { retry_after: None }),
                },
            },
        };
        let document = Arc::new(document);
        *known = Some((Instant::now(), document.clone()));
        Ok(document)
    }
}

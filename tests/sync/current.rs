//! A changed document takes effect without a restart, also where it is kept in a place that is looked at only now and then.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use inevent_d365::{
    settings::{
        Prefix,
        document::Writing,
        kept::{ETag, Kept, PlaceError, SettingsPlace},
    },
    sync::{
        DataverseCrm,
        current::{CurrentSettings, NoRules},
    },
};
use serde_json::{Value, json};

use crate::world::World;

/// A blob's stand-in. As long as time stands still, what was read is fresh; it goes on when the test says so.
#[derive(Debug)]
pub struct Place {
    answer: Mutex<Result<Option<Kept>, PlaceError>>,
    stands_still: Mutex<bool>,
    reads: AtomicUsize,
}

impl Place {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { answer: Mutex::new(Ok(None)), stands_still: Mutex::new(true), reads: AtomicUsize::new(0) })
    }

    pub fn holds(&self, document: &Value) {
        let text = document.to_string();
        *self.answer.lock().unwrap() = Ok(Some(Kept { etag: ETag(text.clone()), text }));
    }

    pub fn time_goes_on(&self, goes_on: bool) {
        *self.stands_still.lock().unwrap() = !goes_on;
    }
}

#[async_trait]
impl SettingsPlace for Place {
    async fn read(&self) -> Result<Option<Kept>, PlaceError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.answer.lock().unwrap().clone()
    }

    async fn write(&self, _: &str, _: Option<&ETag>) -> Result<ETag, PlaceError> {
        Err(PlaceError::Changed)
    }

    async fn history(&self) -> Result<Vec<String>, PlaceError> {
        Ok(Vec::new())
    }

    async fn replaced(&self, _: &str) -> Result<Option<String>, PlaceError> {
        Ok(None)
    }

    fn fresh_for(&self) -> Duration {
        if *self.stands_still.lock().unwrap() { Duration::from_secs(1_000) } else { Duration::ZERO }
    }
}

#[tokio::test]
async fn a_document_is_read_again_when_it_is_due_and_the_last_good_one_outlives_an_outage() {
    let world = World::start(json!({})).await;
    let (place, crm) = (Place::new(), DataverseCrm::new(world.administrator(), &Prefix::default()));
    let settings = CurrentSettings::kept(place.clone());
    let writing = async || settings.rules(&crm).await.map(|rules| rules.of_event("4711").writing);
    let reads = || place.reads.load(Ordering::Relaxed);

    // Never read yet, and out of reach: what comes waits.
    *place.answer.lock().unwrap() = Err(PlaceError::Unavailable("503".into()));
    assert!(matches!(writing().await, Err(NoRules::Failed(_))));
    *place.answer.lock().unwrap() = Ok(None);
    assert_eq!((writing().await, reads()), (Ok(Writing::NearRealTime), 2));

    // A change is not seen before its time, and takes effect then.
    place.holds(&json!({ "version": 1, "defaults": { "writing": "batched" } }));
    assert_eq!((writing().await, reads()), (Ok(Writing::NearRealTime), 2));
    place.time_goes_on(true);
    assert_eq!((writing().await, reads()), (Ok(Writing::Batched), 3));

    // Out of reach: the last one holds, and it is not asked for before it is due again.
    *place.answer.lock().unwrap() = Err(PlaceError::Unavailable("503".into()));
    assert_eq!((writing().await, reads()), (Ok(Writing::Batched), 4));
    place.time_goes_on(false);
    assert_eq!((writing().await, reads()), (Ok(Writing::Batched), 4));

    // One that a newer release wrote holds everything, and is not half-read.
    place.time_goes_on(true);
    place.holds(&json!({ "version": 2, "defaults": { "writing": "automatic" }, "more": {} }));
    let Err(NoRules::Held(held)) = writing().await else { panic!("a newer document is in force") };
    assert!(held.name == "settings" && held.remedy.contains("Update the connector"), "{held:?}");
    // Through an outage, too.
    *place.answer.lock().unwrap() = Err(PlaceError::Unavailable("503".into()));
    assert!(matches!(writing().await, Err(NoRules::Held(_))));
    place.holds(&json!({ "version": 1, "defaults": { "writing": "automatic" } }));
    assert_eq!(writing().await, Ok(Writing::Automatic));
}

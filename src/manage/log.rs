//! The sync log.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Ask, Ground, ManageError, Role};
use crate::synclog::{Entry, Query, search};

/// The most entries that are given at once.
const MOST: usize = 10_000;

/// What became of what.
#[derive(Debug, Serialize, Deserialize)]
pub struct SearchLog(pub Query);

#[async_trait]
impl Ask for SearchLog {
    const NAME: &'static str = "log";
    const NEEDS: Role = Role::Reader;
    type Answer = Vec<Entry>;

    async fn answer(self, ground: &Ground) -> Result<Vec<Entry>, ManageError> {
        let query = Query { limit: self.0.limit.min(MOST), ..self.0 };
        Ok(search(ground.store()?, &query).await?)
    }
}

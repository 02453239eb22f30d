//! Which entries a command is about.

use anyhow::Result;
use clap::Args;
use inevent_d365::{
    parked::{self, Found, Pages, Selection},
    store::Store,
};
use jiff::Timestamp;

use crate::cli::since::since;

/// Entries that meet everything named.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Those of this InEvent event, by its id
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Those of this participant, by InEvent's id
    #[arg(long, value_name = "ID")]
    participant: Option<String>,
    /// Those with this error code of Dataverse's, such as 0x80040203
    #[arg(long, value_name = "CODE", value_parser = code)]
    code: Option<String>,
    /// Those parked since: a time (2026-11-22T09:00:00Z), a day (2026-11-22, UTC) or how long ago (2d, 12h)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
}

/// Entries by id, or by filter; never all of them unless that is said.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("chosen").required(true).multiple(true)
    .args(["ids", "event", "participant", "code", "since", "all"]))]
pub struct Choice {
    /// Ids; six digits of one are enough where no other begins so
    #[arg(value_name = "ID", conflicts_with_all = ["event", "participant", "code", "since", "all"])]
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// Everything that is parked
    #[arg(long, conflicts_with_all = ["event", "participant", "code", "since"])]
    all: bool,
}

/// The entries chosen, some at a time.
pub struct Chosen<'a> {
    store: &'a dyn Store,
    /// Those named that are still to come; none where a filter chooses.
    ids: Option<std::vec::IntoIter<String>>,
    pages: Pages<'a>,
    selection: Selection,
    now: Timestamp,
}

impl Filter {
    pub fn pages(self, store: &dyn Store) -> Chosen<'_> {
        let Self { event, participant, code, since } = self;
        let selection = Selection { event, participant, code, since };
        Chosen { store, ids: None, pages: Pages::all(store), selection, now: Timestamp::now() }
    }
}

impl Choice {
    pub fn pages<'a>(&self, store: &'a dyn Store) -> Result<Chosen<'a>> {
        let ids = (!self.ids.is_empty()).then(|| self.ids.clone().into_iter());
        Ok(Chosen { ids, ..self.filter.clone().pages(store) })
    }
}

impl Chosen<'_> {
    pub async fn next(&mut self) -> Result<Option<Vec<Found>>> {
        if let Some(ids) = &mut self.ids {
            return Ok(match ids.next() {
                Some(id) => Some(vec![parked::find(self.store, &id, self.now).await?]),
                None => None,
            });
        }
        let Some(mut page) = self.pages.next(self.now).await? else { return Ok(None) };
        // What is parked while the command runs is for the next one: a replay would not end.
        page.found.retain(|found| self.selection.takes(&found.entry) && found.entry.at <= self.now);
        Ok(Some(page.found))
    }
}

fn code(text: &str) -> Result<String, String> {
    let digits = text.trim().trim_start_matches("0x").trim_start_matches("0X");
    let code = u32::from_str_radix(digits, 16).map_err(|_| "not an error code, such as 0x80040203".to_owned())?;
    Ok(format!("0x{code:08x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_in_their_forms() {
        assert_eq!(code("0x80040203").unwrap(), code("80040203").unwrap());
        assert!(code("duplicate").is_err());
    }
}

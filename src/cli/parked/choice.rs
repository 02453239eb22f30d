//! Which entries a command is about.

use clap::Args;
use inevent_d365::{manage, parked::Selection};
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

impl Filter {
    pub fn selection(self) -> Selection {
        let Self { event, participant, code, since } = self;
        Selection { event, participant, code, since }
    }
}

impl Choice {
    /// As the connector is asked for it; what is parked while the command runs is for the next one.
    pub fn asked(self, until: Timestamp) -> manage::Choice {
        let Self { ids, filter, all } = self;
        manage::Choice { ids, selection: filter.selection(), all, until }
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

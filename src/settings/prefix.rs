//! What the names of the connector's own tables and columns begin with.

use std::{fmt, str::FromStr};

use super::{Lookup, SettingProblem, setting};

/// The app setting that says the prefix.
const DATAVERSE_PREFIX: &str = "DATAVERSE_PREFIX";

/// The prefix of the publisher whose tables and columns the connector uses, without the underscore. `new` where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix(String);

/// A text that no publisher can have for a prefix (Microsoft: "Publisher table reference", `customizationprefix`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the prefix {0:?} must be 2 to 8 lower-case letters and digits, as names begin with it, begin with a letter, and not be mscrm…"
)]
pub struct NoPrefix(String);

impl Prefix {
    /// The prefix of the settings.
    ///
    /// # Errors
    /// When it is none that a publisher can have.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, SettingProblem> {
        let Some(text) = setting(lookup, DATAVERSE_PREFIX) else { return Ok(Self::default()) };
        text.parse().map_err(|error| {
            SettingProblem(format!(
                "Set {DATAVERSE_PREFIX} to the prefix that `setup dataverse` was run with: {error}."
            ))
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The logical name of a table or column.
    pub fn name(&self, stem: &str) -> String {
        format!("{self}_{stem}")
    }

    /// The logical name of the connector's own activity table.
    pub fn activity_table(&self) -> String {
        self.name("eventattendance")
    }

    /// The column of contact and lead with the participant's id in another system.
    pub fn external_id(&self) -> String {
        self.name("ineventparticipantid")
    }

    /// The column of contact and lead that keeps the profile's stamps.
    pub fn profile_stamp(&self) -> String {
        self.name("ineventprofilestamp")
    }

    /// The sample among the columns of contact and lead.
    pub fn budget(&self) -> String {
        self.name("budget")
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("new".to_owned())
    }
}

impl FromStr for Prefix {
    type Err = NoPrefix;

    fn from_str(text: &str) -> Result<Self, NoPrefix> {
        let fits = (2..=8).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && !text.starts_with("mscrm");
        if fits { Ok(Self(text.to_owned())) } else { Err(NoPrefix(text.to_owned())) }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_one_that_a_publisher_can_have() {
        for text in ["new", "ab", "contoso1"] {
            assert_eq!(text.parse::<Prefix>().unwrap().as_str(), text);
        }
        for text in ["", "n", "New", "1ne", "mscrmx", "waytoolong", "a_b", "é1"] {
            assert_eq!(text.parse::<Prefix>(), Err(NoPrefix(text.to_owned())));
        }
    }

    #[test]
    fn the_setting_may_be_left_out_and_not_be_wrong() {
        let read = |value: &str| Prefix::read(&|_| Some(value.to_owned()));
        assert_eq!(read(" "), Ok(Prefix::default()));
        assert_eq!(read(" contoso ").unwrap().activity_table(), "contoso_eventattendance");
        assert!(read("contoso_").unwrap_err().0.contains("DATAVERSE_PREFIX"));
    }
}

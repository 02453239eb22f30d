//! Why what the connector signs in with could not be had from where it is kept.

use std::fmt;

/// Why a secret or certificate could not be had, in words that name its place and quote nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    pub why: String,
    /// What somebody must mend first; none where it may pass by itself.
    pub remedy: Option<String>,
}

impl Withheld {
    /// It may pass by itself.
    pub fn for_now(why: String) -> Self {
        Self { why, remedy: None }
    }

    /// Not before somebody mends it.
    pub fn until(why: String, remedy: impl Into<String>) -> Self {
        Self { why, remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remedy {
            Some(remedy) => write!(f, "{}. {remedy}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

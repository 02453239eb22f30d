//! Which of the kinds of failure (decision 6 of `docs/architecture.md`) an error is.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    Error, ListRefusal, ServiceError, TokenError,
    codes::{self, Kind},
    entra,
};

/// What to do about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may pass: try again, not before the time given.
    Transient { retry_after: Option<Duration> },
    /// It would meet every row: wait until somebody mends it.
    Held(Hold),
    /// Somebody else changed, created or removed the row: read again and decide anew.
    Conflict,
    /// The user or team whom the row was to belong to cannot own it.
    UnfitOwner,
    /// A duplicate detection rule refused the row. Only where the rules were asked.
    Duplicate { reason: String },
    /// This row only, and for good: Dataverse's reason.
    Refused { code: Option<u32>, reason: String },
}

/// What keeps every row from being written, and how it is mended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hold {
    Credentials,
    /// What the connector signs in with is not given out; what to do about it.
    Withheld(Arc<str>),
    /// Entra refuses a token, with this AADSTS number.
    Entra(u32),
    /// The managed identity is refused.
    Identity,
    ApplicationUser,
    Role,
    Privilege,
    Schema,
    Organisation,
}

impl Hold {
    /// A short name, for records and alerts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Credentials | Self::Withheld(_) | Self::Entra(_) | Self::Identity => "credentials",
            Self::ApplicationUser => "application-user",
            Self::Role => "role",
            Self::Privilege => "privilege",
            Self::Schema => "schema",
            Self::Organisation => "organisation",
        }
    }

    /// What an administrator does about it.
    pub fn remedy(&self) -> &str {
        match self {
            Self::Withheld(remedy) => remedy,
            Self::Credentials => entra::RENEW,
            Self::Entra(number) => entra::remedy(*number),
            Self::Identity => {
                "Assign the managed identity to the function app and set AZURE_CLIENT_ID to its client id, not its object id."
            }
            Self::ApplicationUser => {
                "In the Power Platform admin centre, add the app registration as an application user of this environment and enable it."
            }
            Self::Role => "Give the application user the connector's security role.",
            Self::Privilege => {
                "The application user's security role lacks a privilege; compare it with the connector's role in the README."
            }
            Self::Schema => {
                "A table or column that the connector writes is missing; `check` names it. Run `setup dataverse` for this environment, or set DATAVERSE_PREFIX to the prefix that it was run with."
            }
            Self::Organisation => {
                "The environment is disabled or in administration mode; enable it in the Power Platform admin centre."
            }
        }
    }
}

impl Error {
    /// Whether the call was more than Dataverse does in one go: the same rows may come through in smaller bulks.
    pub fn took_too_long(&self) -> bool {
        match self {
            Self::Service(error) => error.took_too_long(),
            Self::TimedOut => true,
            _ => false,
        }
    }

    pub fn failure(&self) -> Failure {
        match self {
            Self::Service(error) => error.failure(),
            Self::Paused(wait) => Failure::Transient { retry_after: Some(*wait) },
            Self::Token(TokenError::Refused { code }) => {
                let number = code.strip_prefix("AADSTS").and_then(|digits| digits.parse().ok());
                Failure::Held(number.map_or(Hold::Credentials, Hold::Entra))
            }
            Self::Token(TokenError::Withheld { remedy, .. }) => Failure::Held(Hold::Withheld(remedy.clone())),
            Self::Token(TokenError::Identity(_)) => Failure::Held(Hold::Identity),
            Self::Token(TokenError::Unavailable(_)) | Self::Network(_) | Self::TimedOut | Self::Protocol(_) => {
                Failure::Transient { retry_after: None }
            }
        }
    }
}

impl ServiceError {
    fn kind(&self) -> &'static Kind {
        codes::kind(self.code)
    }

    /// Whether the rows were too many for one go.
    pub fn took_too_long(&self) -> bool {
        matches!(self.kind(), Kind::TookTooLong | Kind::TooLarge) || matches!(self.status, 413 | 504)
    }

    /// What a marketing list does not take.
    pub fn list_refusal(&self) -> Option<ListRefusal> {
        match self.kind() {
            Kind::List(refusal) => Some(*refusal),
            _ => None,
        }
    }

    /// Whether a row that was named is not there.
    pub fn is_gone(&self) -> bool {
        *self.kind() == Kind::Gone
    }

    /// By the code, or where that says nothing by the status.
    pub fn failure(&self) -> Failure {
        let refused = || Failure::Refused { code: self.code, reason: self.message.clone() };
        match self.kind() {
            Kind::Transient | Kind::TookTooLong => Failure::Transient { retry_after: self.retry_after },
            Kind::Held(hold) => Failure::Held(hold.clone()),
            Kind::Privilege if !self.names_a_record() => Failure::Held(Hold::Privilege),
            Kind::Payload if self.names_a_property() => Failure::Held(Hold::Schema),
            Kind::Conflict | Kind::Gone => Failure::Conflict,
            Kind::Duplicate => Failure::Duplicate { reason: self.message.clone() },
            Kind::Refused | Kind::TooLarge | Kind::Privilege | Kind::Payload | Kind::List(_) => refused(),
            Kind::Unspecific => match self.status {
                403 if self.names_a_record() => refused(),
                403 => Failure::Held(Hold::Privilege),
                401 => Failure::Held(Hold::Credentials),
                404 | 405 | 501 => Failure::Held(Hold::Schema),
                400 | 409 | 413 => refused(),
                412 => Failure::Conflict,
                _ => Failure::Transient { retry_after: self.retry_after },
            },
        }
    }

    /// Who lacks a privilege: `Principal user (Id=…, type=8, …) is missing prvRead… privilege`.
    pub fn lacking(&self) -> Option<Uuid> {
        let (_, rest) = self.message.strip_prefix("Principal ")?.split_once("(Id=")?;
        rest.get(..36)?.parse().ok()
    }

    /// "Principal with id … does not have CreateAccess right(s) for record with id …"
    fn names_a_record(&self) -> bool {
        self.message.contains("for record with id")
    }

    fn names_a_property(&self) -> bool {
        ["Invalid property", "undeclared property", "does not exist on type"]
            .iter()
            .any(|text| self.message.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_known_code_the_status_tells() {
        let kind = |status, message: &str| {
            ServiceError { status, code: None, message: message.into(), retry_after: None }.failure()
        };
        let refused = || Failure::Refused { code: None, reason: String::new() };
        let transient = || Failure::Transient { retry_after: None };
        for (status, expected) in [
            (400, refused()),
            (401, Failure::Held(Hold::Credentials)),
            (403, Failure::Held(Hold::Privilege)),
            (404, Failure::Held(Hold::Schema)),
            (405, Failure::Held(Hold::Schema)),
            (409, refused()),
            (412, Failure::Conflict),
            (413, refused()),
            (429, transient()),
            (500, transient()),
            (501, Failure::Held(Hold::Schema)),
            (502, transient()),
            (503, transient()),
            (504, transient()),
        ] {
            assert_eq!(kind(status, ""), expected, "{status}");
        }
        let row = "Principal with id x does not have WriteAccess right(s) for record with id y of entity contact";
        assert!(matches!(kind(403, row), Failure::Refused { .. }));
    }

    #[test]
    fn who_lacks_a_privilege_stands_in_the_text() {
        let lacking = |message: &str| {
            ServiceError { status: 403, code: None, message: message.into(), retry_after: None }.lacking()
        };
        let user = uuid::Uuid::from_u128(7);
        assert_eq!(lacking(&format!("Principal user (Id={user}, type=8) is missing prvRead…")), Some(user));
        assert_eq!(lacking("Principal user (Id=é"), None);
    }
}

//! Which of the kinds of failure (decision 6 of `docs/architecture.md`) an error is.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{Error, ServiceError, TokenError};

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
            Self::Credentials => RENEW,
            Self::Entra(code) => refused_by_entra(*code),
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

const RENEW: &str = "Renew the client secret (or certificate) of the app registration and check tenant id, client id and organisation URL.";

/// What to do about an AADSTS number. Most stand in "Microsoft Entra authentication and authorization error codes"
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>; 50027, 700021 and 700023 in the troubleshooting of the Azure
/// SDK's client assertions; 70021, 700024, 700211 to 700213, 7002121, 7002131, 7000216, 7000229, 500011, 501051 and 900023 only in answers of
/// Entra's that people quote.
fn refused_by_entra(code: u32) -> &'static str {
    match code {
        7_000_215 => {
            "The client secret is none of the app registration's: store the secret's value (not its id), or a new secret, in Key Vault. No restart is needed."
        }
        7_000_222 => {
            "The client secret has expired: add a new one to the app registration and store its value in Key Vault. No restart is needed."
        }
        7_000_216 | 7_000_218 => {
            "Nothing was sent to sign in with: set DATAVERSE_SIGN_IN to the kind of credential that you use."
        }
        700_011 | 700_016 | 7_000_229 => {
            "The directory has no such application: check DATAVERSE_CLIENT_ID (the application id, not the object id) and DATAVERSE_TENANT_ID, and that the application has a service principal (enterprise application) there."
        }
        7_000_112 => "The application is disabled: enable sign-in under Enterprise applications, Properties.",
        90_002 | 900_023 => {
            "There is no such directory: check DATAVERSE_TENANT_ID, and DATAVERSE_TOKEN_URL outside the public cloud."
        }
        500_011 | 70_011 => {
            "The directory knows no such environment: check DATAVERSE_URL, and that the environment belongs to the directory DATAVERSE_TENANT_ID."
        }
        70_021 | 700_211 | 700_212 | 700_213 | 7_002_121 | 7_002_131 => {
            "No federated credential of the app registration fits the managed identity: add one with the issuer https://login.microsoftonline.com/{tenant id}/v2.0, the managed identity's object (principal) id as subject, and the audience api://AzureADTokenExchange. In a national cloud the issuer and the audience are that cloud's own."
        }
        700_027 => {
            "The certificate is not registered for the application, or has expired: upload the public part of the newest version in Key Vault to the app registration. No restart is needed."
        }
        700_024 => "The assertion is out of time: set the clock right.",
        700_021 | 700_023 | 50_027 => {
            "The assertion does not fit: check DATAVERSE_CLIENT_ID, DATAVERSE_TENANT_ID and DATAVERSE_TOKEN_URL."
        }
        53_003 => {
            "A policy of Conditional Access keeps the application out: exclude its service principal, or admit the addresses that the connector calls from."
        }
        65_001 => {
            "Nobody has consented for the application: an administrator grants it the permission in the app registration, under API permissions."
        }
        50_105 | 501_051 => {
            "The application is not assigned to what it asks for: assign it under Enterprise applications, Users and groups."
        }
        _ => RENEW,
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
    /// Whether the rows were too many for one go.
    pub fn took_too_long(&self) -> bool {
        // SqlTimeout, RequestLengthTooLarge.
        matches!(self.code, Some(0x8004_4151 | 0x8004_418a)) || matches!(self.status, 413 | 504)
    }

    /// The one table of codes. Codes come first, because one code is seen with several statuses (0x80040333 with 412 and 500).
    pub fn failure(&self) -> Failure {
        let transient = Failure::Transient { retry_after: self.retry_after };
        let refused = || Failure::Refused { code: self.code, reason: self.message.clone() };
        match (self.code, self.status) {
            // DuplicateRecordsFound: a duplicate detection rule.
            (Some(0x8004_0333), _) => Failure::Duplicate { reason: self.message.clone() },
            // DuplicateRecord, DuplicateRecordEntityKey, ConcurrencyVersionMismatch.
            (Some(0x8004_0237 | 0x8006_0892 | 0x8006_0882), _) | (None, 412) => Failure::Conflict,
            // ObjectDoesNotExist, RecordNotFoundByEntityKey: deleted or merged since it was read.
            (Some(0x8004_0217 | 0x8006_0891), _) => Failure::Conflict,
            // UserNotMemberOfOrg, a disabled user; UserNotAssignedRoles; a disabled organisation.
            (Some(0x8007_2560 | 0x8004_0225 | 0x8004_a112), _) => Failure::Held(Hold::ApplicationUser),
            (Some(0x8004_2f09), _) => Failure::Held(Hold::Role),
            (Some(0x8004_a104), _) => Failure::Held(Hold::Organisation),
            // SecLibPrivilegeDenied family: a missing privilege meets every row, a record outside the role's depth this one.
            (Some(0x8004_0220), _) if !self.names_a_record() => Failure::Held(Hold::Privilege),
            (_, 403) if self.names_a_record() => refused(),
            (_, 403) => Failure::Held(Hold::Privilege),
            (_, 401) => Failure::Held(Hold::Credentials),
            // Unknown property, navigation property or segment.
            (Some(0x8004_8d19), _) if self.names_a_property() => Failure::Held(Hold::Schema),
            (Some(0x8006_0888 | 0x8006_088a), _) => Failure::Held(Hold::Schema),
            (_, 404 | 405 | 501) => Failure::Held(Hold::Schema),
            // SolutionConcurrencyFailure: customisations are being published.
            (Some(0x8007_1151), _) => transient,
            (_, 400 | 409 | 413) => refused(),
            (_, 412) => Failure::Conflict,
            _ => transient,
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
    fn each_code_has_its_kind() {
        let kind = |status, code, message: &str| {
            ServiceError { status, code, message: message.into(), retry_after: None }.failure()
        };
        let refused = |code: u32| Failure::Refused { code: Some(code), reason: String::new() };
        let transient = Failure::Transient { retry_after: None };
        let duplicate = || Failure::Duplicate { reason: String::new() };
        for (status, code, message, expected) in [
            (412, Some(0x8004_0237), "", Failure::Conflict),
            (412, Some(0x8006_0882), "", Failure::Conflict),
            (412, None, "", Failure::Conflict),
            (404, Some(0x8004_0217), "", Failure::Conflict),
            (500, Some(0x8004_0333), "", duplicate()),
            (412, Some(0x8004_0333), "", duplicate()),
            (400, Some(0x8004_4331), "", refused(0x8004_4331)),
            (400, Some(0x8004_0265), "", refused(0x8004_0265)),
            (429, Some(0x8007_2322), "", transient.clone()),
            (500, Some(0x8004_4150), "", transient.clone()),
            (503, None, "", transient),
            (401, None, "", Failure::Held(Hold::Credentials)),
            (403, Some(0x8007_2560), "", Failure::Held(Hold::ApplicationUser)),
            (403, Some(0x8004_0225), "", Failure::Held(Hold::ApplicationUser)),
            (403, Some(0x8004_2f09), "", Failure::Held(Hold::Role)),
            (403, Some(0x8004_a112), "", Failure::Held(Hold::ApplicationUser)),
            (403, Some(0x8004_a104), "", Failure::Held(Hold::Organisation)),
            (403, Some(0x8004_0220), "Principal user is missing prvReadContact", Failure::Held(Hold::Privilege)),
            (404, Some(0x8006_0888), "Resource not found for the segment", Failure::Held(Hold::Schema)),
            (400, Some(0x8004_8d19), "… Invalid property 'new_x' was found …", Failure::Held(Hold::Schema)),
        ] {
            assert_eq!(kind(status, code, message), expected, "{status} {code:x?} {message}");
        }
        for known in [7_000_215, 7_000_222, 700_016, 90_002, 500_011, 70_021, 700_213, 700_027, 65_001] {
            let hold = Hold::Entra(known);
            assert_eq!(hold.name(), Hold::Credentials.name());
            assert_ne!(hold.remedy(), Hold::Credentials.remedy(), "{known}");
        }
        assert_eq!(Hold::Entra(1).remedy(), Hold::Credentials.remedy());
        let lacking = |message: &str| {
            ServiceError { status: 403, code: None, message: message.into(), retry_after: None }.lacking()
        };
        let user = uuid::Uuid::from_u128(7);
        assert_eq!(lacking(&format!("Principal user (Id={user}, type=8) is missing prvRead…")), Some(user));
        assert_eq!(lacking("Principal user (Id=é"), None);
        let row = "Principal with id x does not have WriteAccess right(s) for record with id y of entity contact";
        assert!(matches!(kind(403, Some(0x8004_8306), row), Failure::Refused { .. }));
        assert!(matches!(kind(400, Some(0x8004_8d19), "Cannot convert the literal"), Failure::Refused { .. }));
    }
}

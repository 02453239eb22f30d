//! What Entra's AADSTS numbers mean. Each is held: somebody has to mend it, and then everything flows on.
//!
//! Most stand in "Microsoft Entra authentication and authorization error codes"
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>; 50027, 700021 and 700023 in the troubleshooting of the
//! Azure SDK's client assertions; 70021, 700024, 700211 to 700213, 7002121, 7002131, 7000216, 7000229, 500011, 501051 and 900023 only in
//! answers of Entra's that people quote.

/// What is done about a credential that no number says more of.
pub(super) const RENEW: &str = "Renew the client secret (or certificate) of the app registration and check tenant id, client id and organisation URL.";

/// The numbers that are known, and what to do.
const REMEDIES: &[(&[u32], &str)] = &[
    (
        &[7_000_215],
        "The client secret is none of the app registration's: store the secret's value (not its id), or a new secret, in Key Vault. No restart is needed.",
    ),
    (
        &[7_000_222],
        "The client secret has expired: add a new one to the app registration and store its value in Key Vault. No restart is needed.",
    ),
    (
        &[7_000_216, 7_000_218],
        "Nothing was sent to sign in with: set DATAVERSE_SIGN_IN to the kind of credential that you use.",
    ),
    (
        &[700_011, 700_016, 7_000_229],
        "The directory has no such application: check DATAVERSE_CLIENT_ID (the application id, not the object id) and DATAVERSE_TENANT_ID, and that the application has a service principal (enterprise application) there.",
    ),
    (&[7_000_112], "The application is disabled: enable sign-in under Enterprise applications, Properties."),
    (
        &[90_002, 900_023],
        "There is no such directory: check DATAVERSE_TENANT_ID, and DATAVERSE_TOKEN_URL outside the public cloud.",
    ),
    (
        &[500_011, 70_011],
        "The directory knows no such environment: check DATAVERSE_URL, and that the environment belongs to the directory DATAVERSE_TENANT_ID.",
    ),
    (
        &[70_021, 700_211, 700_212, 700_213, 7_002_121, 7_002_131],
        "No federated credential of the app registration fits the managed identity: add one with the issuer https://login.microsoftonline.com/{tenant id}/v2.0, the managed identity's object (principal) id as subject, and the audience api://AzureADTokenExchange. In a national cloud the issuer and the audience are that cloud's own.",
    ),
    (
        &[700_027],
        "The certificate is not registered for the application, or has expired: upload the public part of the newest version in Key Vault to the app registration. No restart is needed.",
    ),
    (&[700_024], "The assertion is out of time: set the clock right."),
    (
        &[700_021, 700_023, 50_027],
        "The assertion does not fit: check DATAVERSE_CLIENT_ID, DATAVERSE_TENANT_ID and DATAVERSE_TOKEN_URL.",
    ),
    (
        &[53_003],
        "A policy of Conditional Access keeps the application out: exclude its service principal, or admit the addresses that the connector calls from.",
    ),
    (
        &[65_001],
        "Nobody has consented for the application: an administrator grants it the permission in the app registration, under API permissions.",
    ),
    (
        &[50_105, 501_051],
        "The application is not assigned to what it asks for: assign it under Enterprise applications, Users and groups.",
    ),
];

/// What to do about a number.
pub(super) fn remedy(number: u32) -> &'static str {
    REMEDIES.iter().find(|(numbers, _)| numbers.contains(&number)).map_or(RENEW, |(_, remedy)| remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataverse::{Error, Failure, Hold, TokenError};

    /// What each number's remedy speaks of.
    const CATALOGUE: &[(u32, &str)] = &[
        (7_000_215, "none of the app registration's"),
        (7_000_222, "expired"),
        (7_000_216, "DATAVERSE_SIGN_IN"),
        (7_000_218, "DATAVERSE_SIGN_IN"),
        (700_011, "no such application"),
        (700_016, "no such application"),
        (7_000_229, "no such application"),
        (7_000_112, "disabled"),
        (90_002, "no such directory"),
        (900_023, "no such directory"),
        (500_011, "no such environment"),
        (70_011, "no such environment"),
        (70_021, "federated credential"),
        (700_211, "federated credential"),
        (700_212, "federated credential"),
        (700_213, "federated credential"),
        (7_002_121, "federated credential"),
        (7_002_131, "federated credential"),
        (700_027, "certificate is not registered"),
        (700_024, "clock"),
        (700_021, "assertion does not fit"),
        (700_023, "assertion does not fit"),
        (50_027, "assertion does not fit"),
        (53_003, "Conditional Access"),
        (65_001, "consented"),
        (50_105, "not assigned"),
        (501_051, "not assigned"),
    ];

    #[test]
    fn each_number_is_held_with_a_remedy_of_its_own() {
        for (number, says) in CATALOGUE {
            let failure = Error::from(TokenError::Refused { code: format!("AADSTS{number}") }).failure();
            let Failure::Held(hold) = failure else { panic!("{number}: {failure:?}") };
            assert_eq!((hold.name(), hold.remedy()), (Hold::Credentials.name(), remedy(*number)));
            assert!(hold.remedy().contains(says) && hold.remedy() != RENEW, "{number}: {}", hold.remedy());
        }
        let known: usize = REMEDIES.iter().map(|(numbers, _)| numbers.len()).sum();
        assert_eq!(known, CATALOGUE.len(), "a number that is known stands in the catalogue");
        assert_eq!(Hold::Entra(1).remedy(), Hold::Credentials.remedy());
    }
}

//! What Key Vault answers when it gives nothing, and what to do about it.

use azure_core::error::{Error, ErrorKind};
use serde::Deserialize;

use crate::dataverse::{Hold, Withheld};

/// What is asked of a vault.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    Secret,
    Certificate,
    /// A signature with a certificate's key.
    Signature,
}

impl Asked {
    /// The role that allows it and nothing more.
    /// <https://learn.microsoft.com/azure/key-vault/general/rbac-guide#azure-built-in-roles-for-key-vault-data-plane-operations>
    fn role(self) -> &'static str {
        match self {
            Self::Secret => "Key Vault Secrets User",
            Self::Certificate => "Key Vault Certificate User",
            Self::Signature => "Key Vault Crypto User",
        }
    }

    fn kind(self) -> &'static str {
        if matches!(self, Self::Secret) { "secret" } else { "certificate" }
    }

    fn missed(self) -> &'static str {
        match self {
            Self::Signature => "Key Vault did not sign with the certificate",
            Self::Certificate => "the certificate could not be read from Key Vault:",
            Self::Secret => "the secret could not be read from Key Vault:",
        }
    }
}

/// Why `name` could not be had: whether it may pass, or what to do.
/// <https://learn.microsoft.com/azure/key-vault/general/rest-error-codes>
pub(super) fn withheld(error: &Error, asked: Asked, name: &str) -> Withheld {
    let (kind, missed) = (asked.kind(), asked.missed());
    let Some(status) = error.http_status().map(u16::from) else {
        let why = format!("{missed} {name}: {}", error.kind());
        return match refused_identity(error) {
            true => Withheld::until(why, Hold::Identity.remedy()),
            false => Withheld::for_now(why),
        };
    };
    let code = inner_code(error).unwrap_or_default();
    let word = if code.is_empty() { String::new() } else { format!(" ({code})") };
    let why = format!("{missed} {name}: it answered {status}{word}");
    match (status, code.as_str()) {
        (403, "ForbiddenByFirewall" | "ForbiddenByConnection") => Withheld::until(
            why,
            "The vault's network rules keep the connector out: let the function app's subnet in, or give the vault a private endpoint \
             that the app reaches.",
        ),
        (403, "SecretDisabled" | "KeyDisabled" | "CertificateDisabled") => Withheld::until(
            why,
            format!("Enable the newest version of the {kind} {name} in the vault, or make a new one."),
        ),
        (401 | 403, _) => Withheld::until(
            why,
            format!(
                "Give the managed identity of the function app (AZURE_CLIENT_ID) the role {} on the vault that KEY_VAULT_URL names; it \
                 takes some minutes to be felt.",
                asked.role()
            ),
        ),
        (404, _) => Withheld::until(
            why,
            format!(
                "Make a {kind} of the name {name} in the vault that KEY_VAULT_URL names, or set the name to that of the one there is."
            ),
        ),
        _ => Withheld::for_now(why),
    }
}

/// Key Vault says the reason inside of a general code: `{"error":{"code":"Forbidden","innererror":{"code":"ForbiddenByRbac"}}}`.
fn inner_code(error: &Error) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        error: Outer,
    }
    #[derive(Deserialize)]
    struct Outer {
        code: Option<String>,
        innererror: Option<Inner>,
    }
    #[derive(Deserialize)]
    struct Inner {
        code: Option<String>,
    }
    let ErrorKind::HttpResponse { raw_response: Some(answer), .. } = error.kind() else { return None };
    let body: Body = serde_json::from_slice(answer.body()).ok()?;
    let code = body.error.innererror.and_then(|inner| inner.code).or(body.error.code)?;
    // A word of the service's own, and not whatever a proxy says.
    (code.len() <= 64 && code.chars().all(|letter| letter.is_ascii_alphanumeric())).then_some(code)
}

/// Whether the managed identity is no identity here.
fn refused_identity(error: &Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |&cause| cause.source());
    let statuses = causes.filter_map(|cause| cause.downcast_ref::<Error>()?.http_status()).map(u16::from);
    statuses.last().is_some_and(|status| (400..500).contains(&status) && status != 429)
}

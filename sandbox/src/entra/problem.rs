//! The errors of the token endpoint, each with its AADSTS number ("Microsoft Entra authentication and authorization
//! error codes").

use serde_json::json;
use uuid::Uuid;

use crate::value::format_time;

/// An AADSTS error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) error: &'static str,
    pub(super) code: u32,
    pub(super) text: String,
}

impl Problem {
    fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self { status, error, code, text: text.into() }
    }

    /// Status and JSON body.
    pub(super) fn answer(&self, now: i64) -> (u16, String) {
        let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
        let time = format_time(now).replace('T', " ");
        let description = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
            self.code, self.text
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        (self.status, body.to_string())
    }

    pub(super) fn unknown_tenant(tenant: &str) -> Self {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
             correct cloud. Check with your subscription administrator, this may happen if there are no active \
             subscriptions for the tenant."
        );
        Self::new(400, "invalid_request", 90_002, text)
    }

    pub(super) fn missing(parameter: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::new(400, "invalid_request", 900_144, text)
    }

    pub(super) fn unsupported_grant(grant: &str) -> Self {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        Self::new(400, "unsupported_grant_type", 70_003, text)
    }

    pub(super) fn pending_device() -> Self {
        let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        Self::new(400, "authorization_pending", 70_016, text)
    }

    pub(super) fn expired_device() -> Self {
        Self::new(400, "expired_token", 70_020, "The provided device code has expired.")
    }

    pub(super) fn unknown_device() -> Self {
        Self::new(
            400,
            "bad_verification_code",
            70_018,
            "Invalid verification code due to user typing in wrong user code.",
        )
    }

    pub(super) fn unknown_application(client: &str, tenant: &str) -> Self {
        let text = format!(
            "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You may have sent your authentication request to the wrong tenant."
        );
        Self::new(400, "unauthorized_client", 700_016, text)
    }

    pub(super) fn disabled_application(client: &str, name: &str) -> Self {
        Self::new(401, "unauthorized_client", 7_000_112, format!("Application '{client}'({name}) is disabled."))
    }

    pub(super) fn no_consent(client: &str, name: &str) -> Self {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{client}' named '{name}'. Send \
             an interactive authorization request for this user and resource."
        );
        Self::new(400, "invalid_grant", 65_001, text)
    }

    pub(super) fn blocked_application() -> Self {
        let text = "Access has been blocked by Conditional Access policies. The access policy does not allow token \
                    issuance.";
        Self::new(400, "access_denied", 53_003, text)
    }

    pub(super) fn no_credential() -> Self {
        let text = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant \
                    type.";
        Self::new(401, "invalid_client", 7_000_216, text)
    }

    pub(super) fn wrong_secret(client: &str) -> Self {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{client}'."
        );
        Self::new(401, "invalid_client", 7_000_215, text)
    }

    pub(super) fn expired_secret(client: &str) -> Self {
        let text = format!(
            "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys \
             for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added \
             security: https://aka.ms/certCreds."
        );
        Self::new(401, "invalid_client", 7_000_222, text)
    }

    pub(super) fn wrong_assertion_type() -> Self {
        let text = "Unsupported client assertion type. The value must be \
                    'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'.";
        Self::new(400, "invalid_request", 900_941, text)
    }

    pub(super) fn malformed_assertion() -> Self {
        Self::new(400, "invalid_request", 50_027, "JWT token is invalid or malformed.")
    }

    /// Now, and the first and last moment of the assertion.
    pub(super) fn assertion_out_of_time([now, from, until]: &[String; 3]) -> Self {
        let text = format!(
            "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, \
             expiry time of assertion {until}. Review the documentation at \
             https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."
        );
        Self::new(401, "invalid_client", 700_024, text)
    }

    pub(super) fn assertion_of_another_client() -> Self {
        let text = "Client assertion application identifier doesn't match 'client_id' parameter. Review the \
                    documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .";
        Self::new(401, "invalid_client", 700_021, text)
    }

    pub(super) fn assertion_for_another_audience() -> Self {
        let text = "Client assertion audience claim does not match Realm issuer. Review the documentation at \
                    https://learn.microsoft.com/entra/identity-platform/certificate-credentials .";
        Self::new(401, "invalid_client", 700_023, text)
    }

    pub(super) fn unknown_certificate(thumbprint: &str) -> Self {
        let text = format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. \
             [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the \
             Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for the app.]"
        );
        Self::new(401, "invalid_client", 700_027, text)
    }

    pub(super) fn wrong_signature(thumbprint: &str) -> Self {
        let text = format!(
            "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the \
             expected signature value., Thumbprint of key used by client: '{thumbprint}']"
        );
        Self::new(401, "invalid_client", 700_027, text)
    }

    /// What of a federated assertion fits no credential: its issuer, subject or audience.
    pub(super) fn no_federation(code: u32, what: &str, value: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion {what} '{value}'. Check your \
             federated identity credential Subject, Audience and Issuer against the presented assertion. \
             https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
        );
        Self::new(401, "invalid_client", code, text)
    }

    pub(super) fn wrong_scope(scope: &str) -> Self {
        let text =
            format!("The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.");
        Self::new(400, "invalid_scope", 70_011, text)
    }

    pub(super) fn several_resources(scope: &str) -> Self {
        let text = format!(
            "Provided value for the input parameter scope is not valid because it contains more than one resource. \
             Scope {scope} is not valid."
        );
        Self::new(400, "invalid_scope", 28_000, text)
    }

    pub(super) fn unknown_resource(resource: &str, tenant: &str) -> Self {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if \
             the application has not been installed by the administrator of the tenant or consented to by any user in \
             the tenant. You might have sent your authentication request to the wrong tenant."
        );
        Self::new(400, "invalid_resource", 500_011, text)
    }
}

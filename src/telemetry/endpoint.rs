//! Where traces and metrics go, and who signs in there: the two settings that the Functions host reads as well.
//! <https://learn.microsoft.com/azure/azure-monitor/app/connection-strings>,
//! <https://learn.microsoft.com/azure/azure-functions/functions-app-settings#applicationinsights_authentication_string>

use reqwest::Url;

pub(super) const CONNECTION_STRING: &str = "APPLICATIONINSIGHTS_CONNECTION_STRING";
pub(super) const AUTHENTICATION: &str = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING";

/// For resources that name none.
const INGESTION: &str = "https://dc.services.visualstudio.com";
const AUDIENCE: &str = "https://monitor.azure.com";

/// A resource of Application Insights.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The connection string, as the exporter reads it.
    pub(super) connection: String,
    /// Where items are posted. Entra's tokens are taken at version 2.1.
    pub(super) track: Url,
    /// What a token must be for.
    pub(super) scope: String,
}

/// Who signs in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Nobody: the instrumentation key alone is enough where local authentication is on.
    Key,
    /// A managed identity, the app's own or that of this client id.
    Identity(Option<String>),
}

impl Endpoint {
    /// # Errors
    /// In words for the person who mends it.
    pub(super) fn parse(connection: &str) -> Result<Self, String> {
        let connection = connection.trim().trim_end_matches(';');
        let field = |name: &str| {
            connection
                .split(';')
                .filter_map(|field| field.split_once('='))
                .find_map(|(key, value)| key.trim().eq_ignore_ascii_case(name).then(|| value.trim()))
        };
        if field("InstrumentationKey").is_none_or(str::is_empty) {
            return Err(format!("{CONNECTION_STRING} has no InstrumentationKey"));
        }
        let base = field("IngestionEndpoint").unwrap_or(INGESTION);
        let track = Url::parse(&format!("{}/v2.1/track", base.trim_end_matches('/')))
            .map_err(|_| format!("the IngestionEndpoint of {CONNECTION_STRING} is not a URL"))?;
        let audience = field("AADAudience").unwrap_or(AUDIENCE).trim_end_matches('/');
        Ok(Self { connection: connection.to_owned(), track, scope: format!("{audience}/.default") })
    }
}

impl Access {
    /// `ClientId=…;Authorization=AAD`.
    ///
    /// # Errors
    /// In words for the person who mends it.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = text.unwrap_or_default();
        let field = |name: &str| {
            let fields = text.split(';').filter_map(|field| field.split_once('='));
            fields.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
        };
        match field("Authorization") {
            None if text.trim().is_empty() => Ok(Self::Key),
            Some(kind) if kind.eq_ignore_ascii_case("AAD") => {
                Ok(Self::Identity(field("ClientId").filter(|id| !id.is_empty()).map(str::to_owned)))
            }
            _ => Err(format!("{AUTHENTICATION} must say Authorization=AAD")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_read_as_the_portal_gives_them() {
        let given = "InstrumentationKey=0;IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/;ApplicationId=1;";
        let endpoint = Endpoint::parse(given).unwrap();
        assert_eq!(endpoint.track.as_str(), "https://westeurope-5.in.applicationinsights.azure.com/v2.1/track");
        assert_eq!(endpoint.scope, "https://monitor.azure.com/.default");
        assert!(!endpoint.connection.ends_with(';'), "the exporter does not read an empty field");
        assert_eq!(
            Endpoint::parse("instrumentationkey=0").unwrap().track.host_str(),
            Some("dc.services.visualstudio.com")
        );
        for bad in ["", "InstrumentationKey=", "InstrumentationKey=0;IngestionEndpoint=nowhere"] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn who_signs_in_is_read_as_the_host_reads_it() {
        assert_eq!(Access::parse(None), Ok(Access::Key));
        assert_eq!(Access::parse(Some("Authorization=AAD")), Ok(Access::Identity(None)));
        assert_eq!(Access::parse(Some("ClientId=7;Authorization=AAD")), Ok(Access::Identity(Some("7".into()))));
        assert!(Access::parse(Some("Authorization=Basic")).is_err());
        assert!(Access::parse(Some("ClientId=7")).is_err());
    }
}

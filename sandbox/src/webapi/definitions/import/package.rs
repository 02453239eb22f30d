//! The zip: its three files, and what it says belongs to it.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::malformed;
use crate::errors::{ApiError, ApiResult};
use crate::query::{Element, parse_fetch};

pub(super) struct Package {
    /// `SolutionManifest` of solution.xml.
    pub(super) manifest: Element,
    /// `ImportExportXml` of customizations.xml.
    pub(super) customizations: Element,
}

impl Package {
    pub(super) fn read(bytes: &[u8]) -> ApiResult<Self> {
        let broken = || {
            let message = "Solution package type did not match requested type, or it lacks solution.xml, customizations.xml \
                           or [Content_Types].xml at its root.";
            ApiError::new(400, "0x80048060", message)
        };
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken())?;
        let mut file = |name: &str| {
            let mut text = String::new();
            zip.by_name(name).map_err(|_| broken())?.read_to_string(&mut text).map_err(|_| broken())?;
            let text = text.trim_start_matches('\u{feff}');
            parse_fetch(text).map_err(|_| ApiError::new(400, "0x80048013", format!("{name} is not well-formed XML.")))
        };
        file("[Content_Types].xml")?;
        let solution = file("solution.xml")?;
        let customizations = file("customizations.xml")?;
        let manifest = solution.child("SolutionManifest").cloned().ok_or_else(|| malformed("SolutionManifest"))?;
        if manifest.child("Managed").map(Element::text) != Some("0") {
            return Err(ApiError::not_implemented("managed solutions"));
        }
        Ok(Self { manifest, customizations })
    }

    /// Refuses a component that the manifest does not name.
    pub(super) fn check_root(&self, kind: &str, name: &str) -> ApiResult<()> {
        let roots = self.manifest.child("RootComponents").map(Element::children).unwrap_or_default();
        let named = roots.iter().any(|root| {
            root.attribute("type") == Some(kind)
                && [root.attribute("schemaName"), root.attribute("id")]
                    .into_iter()
                    .flatten()
                    .any(|known| known.eq_ignore_ascii_case(name))
        });
        if named {
            return Ok(());
        }
        let message = format!(
            "The import solution must have all its components declared: component {name} of type {kind} is not declared in the solution file as a root component."
        );
        Err(ApiError::new(400, "0x8004803a", message))
    }
}

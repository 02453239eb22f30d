//! The definition as a solution file, for those who deploy by pipeline: as the folder that `pac solution pack` takes, and as the zip that
//! an environment imports.
//!
//! There is no published schema of these files: their form is that of exported solutions. The same definition gives the same bytes.

mod columns;
mod manifest;
mod table;

use std::{
    io::{Cursor, Write},
    path::Path,
};

use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{
    definition::{LANGUAGE, Solution},
    xml::Element,
};

/// A file of a solution: its path, with forward slashes, and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub text: String,
}

/// The solution, unpacked.
pub fn unpacked(solution: &Solution) -> Vec<File> {
    let file = |path: String, root: Element| File { path, text: root.to_file() };
    let mut files = vec![
        file("Other/Solution.xml".to_owned(), manifest::manifest(solution, manifest::EITHER)),
        file("Other/Customizations.xml".to_owned(), customizations([], [])),
        file("Other/Relationships.xml".to_owned(), with_xsi("EntityRelationships")),
    ];
    for table in &solution.activities {
        let folder = format!("Entities/{}", table.name);
        files.push(file(format!("{folder}/Entity.xml"), table::activity(table, [], [])));
        files.push(file(format!("{folder}/RibbonDiff.xml"), with_xsi("RibbonDiffXml").holding(table::ribbon())));
        let form = with_xsi("forms").holding([table::form(table)]);
        files.push(file(format!("{folder}/FormXml/main/{{{}}}.xml", table.form.id), form));
        for view in &table.views {
            let path = format!("{folder}/SavedQueries/{{{}}}.xml", view.id);
            files.push(file(path, with_xsi("savedqueries").holding([table::view(table, view)])));
        }
    }
    for table in &solution.extended {
        let folder = format!("Entities/{}", table.schema);
        files.push(file(format!("{folder}/Entity.xml"), table::extended(table)));
        files.push(file(format!("{folder}/RibbonDiff.xml"), with_xsi("RibbonDiffXml").holding(table::ribbon())));
    }
    files.push(file(format!("Roles/{}.xml", solution.role.name), manifest::role(&solution.role)));
    files
}

/// The solution as the zip that an environment imports, unmanaged.
///
/// # Errors
/// When a file is larger than a zip holds, which none of these is.
pub fn packed(solution: &Solution) -> Result<Vec<u8>, ZipError> {
    let activity = |of: &super::definition::ActivityTable| {
        let forms = Element::new("forms").with("type", "main").holding([table::form(of)]);
        let views = Element::new("savedqueries").holding(of.views.iter().map(|view| table::view(of, view)));
        table::activity(of, [forms], [views])
    };
    let tables = solution.activities.iter().map(activity).chain(solution.extended.iter().map(table::extended));
    let files = [
        ("[Content_Types].xml", content_types()),
        ("customizations.xml", customizations(tables, [manifest::role(&solution.role)])),
        ("solution.xml", manifest::manifest(solution, manifest::UNMANAGED)),
    ];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // The default's time is fixed.
    let options = SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Deflated);
    for (name, root) in files {
        zip.start_file(name, options)?;
        zip.write_all(root.to_file().as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Writes the solution to a folder, or where the path ends in `.zip` to that file.
///
/// # Errors
/// When a file cannot be written.
pub fn write(solution: &Solution, to: &Path) -> std::io::Result<()> {
    if to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        return std::fs::write(to, packed(solution).map_err(std::io::Error::other)?);
    }
    for File { path, text } in unpacked(solution) {
        let path = to.join(path);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

fn customizations(tables: impl IntoIterator<Item = Element>, roles: impl IntoIterator<Item = Element>) -> Element {
    // Each section has its tag, or what belongs there is passed over in silence.
    let empty = ["Workflows", "FieldSecurityProfiles", "Templates", "EntityMaps", "EntityRelationships"];
    let more = ["OrganizationSettings", "optionsets", "CustomControls", "EntityDataProviders"];
    with_xsi("ImportExportXml")
        .holding([Element::new("Entities").holding(tables), Element::new("Roles").holding(roles)])
        .holding(empty.into_iter().chain(more).map(Element::new))
        .holding([Element::new("Languages").holding([Element::text("Language", LANGUAGE.to_string())])])
}

fn content_types() -> Element {
    let default =
        |extension: &str, kind: &str| Element::new("Default").with("Extension", extension).with("ContentType", kind);
    Element::new("Types")
        .with("xmlns", "http://schemas.openxmlformats.org/package/2006/content-types")
        .holding([default("xml", "text/xml"), default("json", "application/octet-stream")])
}

/// A root that names the namespace of `xsi:nil`, as exports do.
fn with_xsi(name: &'static str) -> Element {
    Element::new(name).with("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
}

/// `<LocalizedNames><LocalizedName description="…" languagecode="1033" /></LocalizedNames>` and its like.
fn labels(list: &'static str, one: &'static str, text: &str) -> Element {
    let label = Element::new(one).with("description", text).with("languagecode", LANGUAGE.to_string());
    Element::new(list).holding([label])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Wanted;

    #[test]
    fn the_same_definition_gives_the_same_bytes() {
        let solution = Solution::new(&Wanted::default()).unwrap();
        assert_eq!(packed(&solution).unwrap(), packed(&solution).unwrap());
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&one, &other] {
            write(&solution, folder.path()).unwrap();
            write(&solution, &folder.path().join("solution.zip")).unwrap();
        }
        for path in unpacked(&solution).into_iter().map(|file| file.path).chain(["solution.zip".to_owned()]) {
            let read = |folder: &tempfile::TempDir| std::fs::read(folder.path().join(&path)).unwrap();
            assert_eq!(read(&one), read(&other), "{path}");
        }
    }

    #[test]
    fn folder_and_zip_hold_the_same_parts() {
        let solution = Solution::new(&Wanted::default()).unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(packed(&solution).unwrap())).unwrap();
        let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["[Content_Types].xml", "customizations.xml", "solution.xml"]);
        let mut read = |name: &str| std::io::read_to_string(zip.by_name(name).unwrap()).unwrap();
        let whole: String = read("customizations.xml").split_whitespace().collect();
        for file in unpacked(&solution)
            .iter()
            .filter(|file| file.path.contains("/FormXml/") || file.path.contains("/SavedQueries/"))
        {
            let (_, inner) = file.text.split_once("XMLSchema-instance\">").unwrap();
            let (inner, _) = inner.rsplit_once("</").unwrap();
            let inner: String = inner.split_whitespace().collect();
            assert!(whole.contains(&inner), "{}", file.path);
        }
        let folder = unpacked(&solution).into_iter().find(|file| file.path == "Other/Solution.xml").unwrap();
        assert_eq!(folder.text.replace("<Managed>2<", "<Managed>0<"), read("solution.xml"));
    }
}

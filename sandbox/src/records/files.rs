//! Files in columns ("Use file column data"): the column shows the id of a row of `fileattachment`, which belongs to the
//! row and describes the bytes.

use std::sync::Arc;

use uuid::Uuid;

use super::Session;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::value::Value;

/// A file with its bytes.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) mime: String,
    pub(crate) body: Vec<u8>,
}

/// A column of a row that holds a file.
pub(crate) struct Place<'t> {
    pub(crate) table: &'t Arc<Table>,
    pub(crate) row: &'t [Value],
    pub(crate) column: usize,
}

impl Session<'_> {
    /// Puts a file into a column, in place of the one that is there, and returns its id.
    pub(crate) fn put_file(&self, place: &Place<'_>, file: &File) -> ApiResult<Uuid> {
        let definition = &place.table.columns[place.column];
        let most = definition.file.ok_or_else(ApiError::unexpected)?.saturating_mul(1024);
        if file.body.len() as u64 > most {
            return Err(ApiError::new(400, "0x80044a02", "Attachment file size is too big."));
        }
        let owner = place.row[place.table.id].id().ok_or_else(ApiError::unexpected)?;
        let files = self.data.schema.table("fileattachment").ok_or_else(ApiError::unexpected)?;
        let size = i64::try_from(file.body.len()).unwrap_or(i64::MAX);
        let id = Uuid::now_v7();
        // What the caller may do with the row decides, and is asked first.
        self.show_file(place, owner, Some((id, file)))?;
        let values = [
            ("fileattachmentid", Value::Id(id)),
            ("filename", Value::Text(file.name.clone())),
            ("mimetype", Value::Text(file.mime.clone())),
            ("filesizeinbytes", Value::Int(size)),
            ("objectid", Value::Row(Arc::from(place.table.logical.as_str()), owner)),
            ("objecttypecode", Value::Text(place.table.logical.clone())),
            ("regardingfieldname", Value::Text(definition.logical.clone())),
        ];
        let values = values.into_iter().filter_map(|(name, value)| Some((files.column(name)?, value)));
        self.platform().create(files, values.collect())?;
        self.data.store.put_file(id, &file.body)?;
        Ok(id)
    }

    /// Empties a column for files.
    pub(crate) fn remove_file(&self, place: &Place<'_>) -> ApiResult<()> {
        let owner = place.row[place.table.id].id().ok_or_else(ApiError::unexpected)?;
        self.show_file(place, owner, None)
    }

    /// Shows another file in a column, or none; the one that was shown is gone.
    fn show_file(&self, place: &Place<'_>, owner: Uuid, file: Option<(Uuid, &File)>) -> ApiResult<()> {
        let (id, name) = match file {
            Some((id, file)) => (Value::Id(id), Value::Text(file.name.clone())),
            None => (Value::Null, Value::Null),
        };
        let mut values = vec![(place.column, id)];
        let named = place.table.columns[place.column].file_name().and_then(|name| place.table.column(&name.logical));
        values.extend(named.map(|column| (column, name)));
        self.update(place.table, owner, place.row, values)?;
        if let (Some(old), Some(files)) = (place.row[place.column].id(), self.data.schema.table("fileattachment")) {
            self.platform().delete(files, old)?;
        }
        Ok(())
    }

    /// The file that a column shows.
    pub(crate) fn file(&self, id: Uuid) -> ApiResult<Option<File>> {
        let files = self.data.schema.table("fileattachment").ok_or_else(ApiError::unexpected)?;
        let (Some(row), Some(body)) = (self.find(files, id)?, self.data.store.file(id)?) else { return Ok(None) };
        let text = |name: &str| files.column(name).and_then(|column| row[column].text()).unwrap_or_default().to_owned();
        Ok(Some(File { name: text("filename"), mime: text("mimetype"), body }))
    }

    /// The same session for what follows from what was allowed already.
    fn platform(&self) -> Self {
        Self { rights: super::Rights::platform(), detect_duplicates: false, ..self.clone() }
    }
}

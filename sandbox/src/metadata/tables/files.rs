//! Files: what was uploaded to columns, without the bytes.

use crate::metadata::{ColumnType, Table, table};

pub(super) fn fileattachment() -> Table {
    table("FileAttachment", "fileattachments", "File Attachment", "FileAttachmentId")
        .type_code(55)
        .text("FileName", 255)
        .text("MimeType", 256)
        .column("FileSizeInBytes", ColumnType::BigInt)
        .lookup_each("ObjectId", &["account", "contact", "lead"])
        .relation("account", "account_FileAttachments")
        .relation("contact", "contact_FileAttachments")
        .relation("lead", "lead_FileAttachments")
        .parental()
        .indexed()
        .column("ObjectTypeCode", ColumnType::TableName)
        .text("RegardingFieldName", 50)
        .stamped()
        .build("filename")
}

//! Notes: texts and files attached to other rows.

use crate::metadata::{ColumnType, System, Table, table};

pub(super) fn annotation() -> Table {
    table("Annotation", "annotations", "Note", "AnnotationId")
        .type_code(5)
        .text("Subject", 500)
        .named("Title")
        .memo("NoteText", 100_000)
        .named("Description")
        .text("FileName", 255)
        .text("MimeType", 256)
        .memo("DocumentBody", 1_073_741_823)
        .named("Document")
        .system(System::Document)
        .whole("FileSize")
        .within(0, 1_000_000_000)
        .system(System::DocumentSize)
        .read_only()
        .flag("IsDocument", false)
        .system(System::HasDocument)
        .lookup_as("ObjectId", &[])
        .named("Regarding")
        .indexed()
        .column("ObjectTypeCode", ColumnType::TableName)
        .text("LangId", 2)
        .text("StepId", 32)
        .owned(&["ownerid"])
        .stamped()
        .build("subject")
}

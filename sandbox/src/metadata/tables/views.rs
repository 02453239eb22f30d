//! Queries that are kept: views of a table, and those of a user.

use crate::metadata::{ColumnType, Requirement, Table, TableBuilder, table};

fn query(builder: TableBuilder) -> TableBuilder {
    builder
        .text("Name", 200)
        .required(Requirement::System)
        .memo("Description", 2000)
        .column("ReturnedTypeCode", ColumnType::TableName)
        .required(Requirement::System)
        .indexed()
        .memo("FetchXml", 1_073_741_823)
        .memo("LayoutXml", 1_073_741_823)
        .memo("ColumnSetXml", 1_073_741_823)
        .whole("QueryType")
        .default(0)
}

pub(super) fn savedquery() -> Table {
    query(table("SavedQuery", "savedqueries", "View", "SavedQueryId").type_code(1039))
        .flag("IsDefault", false)
        .flag("IsQuickFindQuery", false)
        .flag("IsPrivate", false)
        .flag("IsUserDefined", false)
        .active_inactive()
        .stamped()
        .build("name")
}

pub(super) fn userquery() -> Table {
    query(table("UserQuery", "userqueries", "Saved View", "UserQueryId").type_code(4230))
        .active_inactive()
        .owned(&["ownerid"])
        .stamped()
        .build("name")
}

/// Forms that people fill in.
pub(super) fn systemform() -> Table {
    table("SystemForm", "systemforms", "System Form", "FormId")
        .type_code(1030)
        .text("Name", 100)
        .required(Requirement::System)
        .memo("Description", 2000)
        .column("ObjectTypeCode", ColumnType::TableName)
        .required(Requirement::System)
        .indexed()
        .choice("Type", &[(2, "Main"), (6, "Quick View Form"), (7, "Quick Create"), (11, "Card")])
        .default(2)
        .choice("FormActivationState", &[(0, "Inactive"), (1, "Active")])
        .default(1)
        .memo("FormXml", 1_073_741_823)
        .flag("IsDefault", false)
        .stamped()
        .build("name")
}

//! Rules by which rows count as duplicates.

use crate::metadata::{ColumnType, Requirement, Table, table};

pub(super) fn duplicaterule() -> Table {
    table("DuplicateRule", "duplicaterules", "Duplicate Detection Rule", "DuplicateRuleId")
        .type_code(4414)
        .text("Name", 160)
        .required(Requirement::System)
        .memo("Description", 2000)
        .text("UniqueName", 100)
        .column("BaseEntityName", ColumnType::TableName)
        .required(Requirement::System)
        .create_only()
        .column("MatchingEntityName", ColumnType::TableName)
        .required(Requirement::System)
        .create_only()
        .texts(50, &["BaseEntityMatchCodeTable", "MatchingEntityMatchCodeTable"])
        .flag("IsCaseSensitive", false)
        .flag("ExcludeInactiveRecords", false)
        .state(
            &[(0, "Inactive", 0), (1, "Active", 2)],
            &[(0, "Unpublished", 0), (1, "Publishing", 0), (2, "Published", 1)],
        )
        .owned(&["ownerid"])
        .stamped()
        .build("name")
}

pub(super) fn duplicaterulecondition() -> Table {
    table("DuplicateRuleCondition", "duplicateruleconditions", "Duplicate Rule Condition", "DuplicateRuleConditionId")
        .type_code(4416)
        .lookup_as("RegardingObjectId", &[("regardingobjectid", &["duplicaterule"])])
        .relation("duplicaterule", "DuplicateRule_DuplicateRuleConditions")
        .required(Requirement::System)
        .indexed()
        .parental()
        .text("BaseAttributeName", 200)
        .required(Requirement::System)
        .text("MatchingAttributeName", 200)
        .required(Requirement::System)
        .choice(
            "OperatorCode",
            &[
                (0, "Exact Match"),
                (1, "Same First Characters"),
                (2, "Same Last Characters"),
                (3, "Same Date"),
                (4, "Same Date and Time"),
                (5, "Exact Match (Pick List Label)"),
                (6, "Exact Match (Pick List Value)"),
            ],
        )
        .default(0)
        .whole("OperatorParam")
        .flag("IgnoreBlankValues", true)
        .stamped()
        .build("duplicateruleconditionid")
}

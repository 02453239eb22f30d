//! Requests that were answered before their work was done.

use crate::metadata::{Table, table};

pub(super) fn backgroundoperation() -> Table {
    table("BackgroundOperation", "backgroundoperations", "Background Operation", "BackgroundOperationId")
        .type_code(10_330)
        .text("Name", 512)
        .text("DisplayName", 512)
        .choice("BackgroundOperationStateCode", &[(0, "Ready"), (2, "Locked"), (3, "Completed")])
        .default(0)
        .choice(
            "BackgroundOperationStatusCode",
            &[
                (0, "Waiting For Resources"),
                (20, "In Progress"),
                (22, "Canceling"),
                (30, "Succeeded"),
                (31, "Failed"),
                (32, "Canceled"),
            ],
        )
        .default(0)
        .memo("InputParameters", 1_048_576)
        .memo("OutputParameters", 1_048_576)
        .datetime("StartTime")
        .datetime("EndTime")
        .whole("RetryCount")
        .default(0)
        .whole("ErrorCode")
        .memo("ErrorMessage", 1_048_576)
        .text("RunAs", 100)
        .whole("TTLInSeconds")
        .default(7_776_000)
        .stamped()
        .build("name")
}

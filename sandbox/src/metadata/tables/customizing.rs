//! Solutions and publishers, and the messages that tables understand.

use super::people::{Lengths, address};
use crate::metadata::{ColumnType, Requirement, Table, table};

const OF_PUBLISHER: Lengths = Lengths { line: 50, place: 80, region: 50, code: 20, telephone: 50 };

pub(super) fn publisher() -> Table {
    let builder = table("Publisher", "publishers", "Publisher", "PublisherId")
        .type_code(7101)
        .text("UniqueName", 256)
        .required(Requirement::System)
        .text("FriendlyName", 256)
        .required(Requirement::System)
        .text("CustomizationPrefix", 8)
        .required(Requirement::System)
        .column("CustomizationOptionValuePrefix", ColumnType::Whole { min: 10_000, max: 99_999 })
        .required(Requirement::System)
        .memo("Description", 2000)
        .text("EMailAddress", 100)
        .text("SupportingWebsiteUrl", 200)
        .flag("IsReadonly", false)
        .read_only()
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .column("PinpointPublisherId", ColumnType::BigInt)
        .read_only()
        .text("PinpointPublisherDefaultLocale", 16)
        .read_only();
    address(address(builder, 1, &OF_PUBLISHER), 2, &OF_PUBLISHER).stamped().build("friendlyname")
}

pub(super) fn solution() -> Table {
    table("Solution", "solutions", "Solution", "SolutionId")
        .type_code(7100)
        .text("UniqueName", 65)
        .required(Requirement::System)
        .create_only()
        .indexed()
        .text("FriendlyName", 256)
        .required(Requirement::System)
        .text("Version", 256)
        .memo("Description", 2000)
        .lookup("PublisherId", &["publisher"])
        .relation("publisher", "publisher_solution")
        .required(Requirement::System)
        .flag("IsManaged", false)
        .read_only()
        .flag("IsVisible", true)
        .read_only()
        .flag("IsApiManaged", false)
        .read_only()
        .choice("SolutionType", &[(0, "None"), (1, "Snapshot"), (2, "Internal")])
        .text("SolutionPackageVersion", 256)
        .datetime("InstalledOn")
        .read_only()
        .datetime("UpdatedOn")
        .read_only()
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .column("PinpointPublisherId", ColumnType::BigInt)
        .read_only()
        .column("PinpointSolutionId", ColumnType::BigInt)
        .read_only()
        .text("PinpointSolutionDefaultLocale", 16)
        .read_only()
        .text("PinpointAssetId", 255)
        .read_only()
        .text("TemplateSuffix", 65)
        .read_only()
        .text("Thumbprint", 65)
        .read_only()
        .memo("UpgradeInfo", 1_073_741_823)
        .read_only()
        .lookup("ParentSolutionId", &["solution"])
        .relation("solution", "solution_parent_solution")
        .stamped()
        .build("friendlyname")
}

pub(super) fn solutioncomponent() -> Table {
    table("SolutionComponent", "solutioncomponents", "Solution Component", "SolutionComponentId")
        .type_code(7103)
        .lookup("SolutionId", &["solution"])
        .relation("solution", "solution_solutioncomponent")
        .indexed()
        .parental()
        .choice(
            "ComponentType",
            &[
                (1, "Entity"),
                (2, "Attribute"),
                (9, "Option Set"),
                (10, "Entity Relationship"),
                (14, "Entity Key"),
                (20, "Role"),
            ],
        )
        .column("ObjectId", ColumnType::Id)
        .indexed()
        .column("RootSolutionComponentId", ColumnType::Id)
        .read_only()
        .flag("IsMetadata", true)
        .read_only()
        .choice(
            "RootComponentBehavior",
            &[(0, "Include Subcomponents"), (1, "Do not include subcomponents"), (2, "Include As Shell Only")],
        )
        .default(0)
        .stamped()
        .build("solutioncomponentid")
}

pub(super) fn sdkmessage() -> Table {
    table("SdkMessage", "sdkmessages", "Sdk Message", "SdkMessageId")
        .type_code(4606)
        .text("Name", 256)
        .indexed()
        .text("CategoryName", 25)
        .text("ExecutePrivilegeName", 100)
        .text("IntroducedVersion", 48)
        .text("ThrottleSettings", 512)
        .read_only()
        .whole("Availability")
        .whole("CustomizationLevel")
        .read_only()
        .column("SdkMessageIdUnique", ColumnType::Id)
        .read_only()
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .flag("AutoTransact", true)
        .flag("Expand", false)
        .flag("IsPrivate", false)
        .flag("IsActive", true)
        .flag("IsReadOnly", false)
        .flag("IsValidForExecuteAsync", true)
        .read_only()
        .flag("Template", false)
        .flag("WorkflowSdkStepEnabled", false)
        .read_only()
        .stamped()
        .build("name")
}

pub(super) fn sdkmessagefilter() -> Table {
    table("SdkMessageFilter", "sdkmessagefilters", "Sdk Message Filter", "SdkMessageFilterId")
        .type_code(4607)
        .text("Name", 256)
        .lookup("SdkMessageId", &["sdkmessage"])
        .relation("sdkmessage", "sdkmessageid_sdkmessagefilter")
        .indexed()
        .column("PrimaryObjectTypeCode", ColumnType::TableName)
        .indexed()
        .column("SecondaryObjectTypeCode", ColumnType::TableName)
        .text("IntroducedVersion", 48)
        .whole("Availability")
        .whole("RestrictionLevel")
        .whole("CustomizationLevel")
        .read_only()
        .column("SdkMessageFilterIdUnique", ColumnType::Id)
        .read_only()
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .flag("IsCustomProcessingStepAllowed", true)
        .flag("IsVisible", true)
        .flag("WorkflowSdkStepEnabled", false)
        .read_only()
        .stamped()
        .build("name")
}

/// Imports of solution files.
pub(super) fn importjob() -> Table {
    table("ImportJob", "importjobs", "Import Job", "ImportJobId")
        .type_code(9107)
        .text("Name", 500)
        .text("SolutionName", 250)
        .text("ImportContext", 256)
        .text("OperationContext", 256)
        .memo("Data", 1_073_741_823)
        .double("Progress", 2, 100.0)
        .datetime("StartedOn")
        .datetime("CompletedOn")
        .stamped()
        .build("name")
}

/// Work the platform does in the background, such as bulk deletion.
pub(super) fn asyncoperation() -> Table {
    table("AsyncOperation", "asyncoperations", "System Job", "AsyncOperationId")
        .type_code(4700)
        .text("Name", 400)
        .choice(
            "OperationType",
            &[
                (1, "System Event"),
                (2, "Bulk Email"),
                (7, "Duplicate Detection Rule Publish"),
                (13, "Bulk Delete"),
                (52, "Publish"),
                (203, "Import Solution"),
            ],
        )
        .memo("Message", 1_073_741_823)
        .memo("FriendlyMessage", 500)
        .whole("ErrorCode")
        .datetime("StartedOn")
        .datetime("CompletedOn")
        .state(
            &[(0, "Ready", 0), (1, "Suspended", 10), (2, "Locked", 20), (3, "Completed", 30)],
            &[
                (0, "Waiting For Resources", 0),
                (10, "Waiting", 1),
                (20, "In Progress", 2),
                (21, "Pausing", 2),
                (22, "Canceling", 2),
                (30, "Succeeded", 3),
                (31, "Failed", 3),
                (32, "Canceled", 3),
            ],
        )
        .owned(&["ownerid"])
        .stamped()
        .build("name")
}

//! Users, teams and business units.

use crate::metadata::{ColumnType, Requirement, System, Table, table};

pub(super) fn businessunit() -> Table {
    table("BusinessUnit", "businessunits", "Business Unit", "BusinessUnitId")
        .type_code(10)
        .text("Name", 160)
        .required(Requirement::System)
        .text("DivisionName", 100)
        .text("EMailAddress", 100)
        .text("WebSiteUrl", 200)
        .memo("Description", 2000)
        .flag("IsDisabled", false)
        .lookup("ParentBusinessUnitId", &["businessunit"])
        .relation("businessunit", "business_unit_parent_business_unit")
        .stamped()
        .build("name")
}

pub(super) fn systemuser() -> Table {
    table("SystemUser", "systemusers", "User", "SystemUserId")
        .type_code(8)
        .text("FirstName", 256)
        .text("LastName", 256)
        .text("FullName", 200)
        .system(System::FullName)
        .read_only()
        .text("YomiFullName", 200)
        .read_only()
        .text("DomainName", 1024)
        .text("InternalEMailAddress", 100)
        .text("Title", 128)
        .text("JobTitle", 100)
        .text("MobilePhone", 64)
        .column("ApplicationId", ColumnType::Id)
        .indexed()
        .column("AzureActiveDirectoryObjectId", ColumnType::Id)
        .flag_of("IsDisabled", false, "Enabled", "Disabled")
        .choice(
            "AccessMode",
            &[
                (0, "Read-Write"),
                (1, "Administrative"),
                (2, "Read"),
                (3, "Support User"),
                (4, "Non-interactive"),
                (5, "Delegated Admin"),
            ],
        )
        .default(0)
        .lookup("BusinessUnitId", &["businessunit"])
        .relation("businessunit", "business_unit_system_users")
        .required(Requirement::System)
        .lookup("ParentSystemUserId", &["systemuser"])
        .relation("systemuser", "user_parent_user")
        .stamped()
        .build("fullname")
}

pub(super) fn team() -> Table {
    table("Team", "teams", "Team", "TeamId")
        .type_code(9)
        .text("Name", 160)
        .required(Requirement::System)
        .memo("Description", 2000)
        .text("EMailAddress", 100)
        .choice("TeamType", &[(0, "Owner"), (1, "Access"), (2, "Security Group"), (3, "Office Group")])
        .default(0)
        .create_only()
        .flag("IsDefault", false)
        .read_only()
        .lookup("AdministratorId", &["systemuser"])
        .lookup("BusinessUnitId", &["businessunit"])
        .required(Requirement::System)
        .stamped()
        .build("name")
}

/// Which users are members of which teams.
pub(super) fn teammembership() -> Table {
    table("TeamMembership", "teammemberships", "Team Membership", "TeamMembershipId")
        .type_code(23)
        .listing_only()
        .link("TeamId", "SystemUserId")
        .build("teammembershipid")
}

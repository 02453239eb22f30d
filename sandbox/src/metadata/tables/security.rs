//! Security roles and what they allow. Who may do what is decided elsewhere; these are the rows.

use crate::metadata::{ColumnType, Requirement, System, Table, table};

pub(super) fn role() -> Table {
    table("Role", "roles", "Security Role", "RoleId")
        .type_code(1036)
        .text("Name", 100)
        .required(Requirement::System)
        .memo("Description", 2000)
        .lookup("BusinessUnitId", &["businessunit"])
        .relation("businessunit", "business_unit_roles")
        .required(Requirement::System)
        .create_only()
        .lookup("ParentRoleId", &["role"])
        .relation("role", "role_parent_role")
        .read_only()
        .lookup("ParentRootRoleId", &["role"])
        .relation("role", "role_parent_root_role")
        .read_only()
        .column("RoleTemplateId", ColumnType::Id)
        .choice(
            "IsInherited",
            &[(0, "Team privileges only"), (1, "Direct User (Basic) access level and Team privileges")],
        )
        .default(1)
        .flag("IsAutoAssigned", false)
        .create_only()
        .memo("AppliesTo", 2000)
        .memo("SummaryOfCoreTablePermissions", 2000)
        .flag("IsManaged", false)
        .read_only()
        .column("OrganizationId", ColumnType::Id)
        .read_only()
        .column("RoleIdUnique", ColumnType::Id)
        .read_only()
        .column("SolutionId", ColumnType::Id)
        .read_only()
        .datetime("OverwriteTime")
        .read_only()
        .stamped()
        .build("name")
}

pub(super) fn privilege() -> Table {
    let depths =
        ["CanBeBasic", "CanBeLocal", "CanBeDeep", "CanBeGlobal", "CanBeEntityReference", "CanBeParentEntityReference"];
    let builder = table("Privilege", "privileges", "Privilege", "PrivilegeId")
        .type_code(1023)
        .text("Name", 100)
        .required(Requirement::System)
        .indexed()
        .whole("AccessRight");
    depths
        .iter()
        .fold(builder, |builder, name| builder.flag(name, true))
        .flag("IsDisabledWhenIntegrated", false)
        .column("VersionNumber", ColumnType::BigInt)
        .system(System::Version)
        .read_only()
        .build("name")
}

/// Which privileges a role has, and how deep: 1 own rows, 2 business unit, 4 with those below, 8 organisation.
pub(super) fn roleprivileges() -> Table {
    table("RolePrivileges", "roleprivilegescollection", "Role Privilege", "RolePrivilegeId")
        .type_code(12)
        .listing_only()
        .link("RoleId", "PrivilegeId")
        .whole("PrivilegeDepthMask")
        .default(8)
        .build("roleprivilegeid")
}

/// With whom rows are shared, and who has access with the rows they belong to.
pub(super) fn principalobjectaccess() -> Table {
    let builder = table(
        "PrincipalObjectAccess",
        "principalobjectaccessset",
        "Principal Object Access",
        "PrincipalObjectAccessId",
    );
    builder
        .type_code(11)
        .listing_only()
        .written_by_the_platform()
        .column("ObjectId", ColumnType::Id)
        .indexed()
        .column("ObjectTypeCode", ColumnType::TableName)
        .column("PrincipalId", ColumnType::Id)
        .indexed()
        .column("PrincipalTypeCode", ColumnType::TableName)
        .whole("AccessRightsMask")
        .whole("InheritedAccessRightsMask")
        .datetime("ChangedOn")
        .column("VersionNumber", ColumnType::BigInt)
        .system(System::Version)
        .read_only()
        .build("principalobjectaccessid")
}

pub(super) fn systemuserroles() -> Table {
    table("SystemUserRoles", "systemuserrolescollection", "User Role", "SystemUserRoleId")
        .type_code(15)
        .listing_only()
        .link("SystemUserId", "RoleId")
        .build("systemuserroleid")
}

pub(super) fn teamroles() -> Table {
    table("TeamRoles", "teamrolescollection", "Team Role", "TeamRoleId")
        .type_code(40)
        .listing_only()
        .link("TeamId", "RoleId")
        .build("teamroleid")
}

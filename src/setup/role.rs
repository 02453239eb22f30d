//! The security role of the connector's application user.

use uuid::Uuid;

use super::definition::id_of;

/// The name of the role.
pub const ROLE: &str = "InEvent Integration Role";

#[derive(Debug, Clone)]
pub struct Role {
    pub id: Uuid,
    pub name: &'static str,
    pub privileges: Vec<Privilege>,
}

/// One privilege, and how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privilege {
    pub name: &'static str,
    pub depth: Depth,
    /// Not every environment has it: the tables of Dynamics 365 Sales and of marketing lists are optional.
    pub of_optional_table: bool,
}

/// How far a privilege reaches, by the Web API's names (`PrivilegeDepth`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The application user's own rows.
    Basic,
    /// Those of its business unit.
    Local,
    /// Every row.
    Global,
}

impl Depth {
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Local => "Local",
            Self::Global => "Global",
        }
    }

    /// What `privilegedepthmask` has at least.
    pub fn mask(self) -> u32 {
        match self {
            Self::Basic => 1,
            Self::Local => 2,
            Self::Global => 8,
        }
    }
}

/// Whose rows the connector may see and write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Those of the whole organisation.
    #[default]
    Organisation,
    /// Those of the business unit that the application user is in.
    BusinessUnit,
}

/// Of people, attendance, companies and lists: as far as [`Reach`] says.
const OF_ROWS: &[&str] = &[
    "prvReadContact",
    "prvCreateContact",
    "prvWriteContact",
    // Attendance regards them, lists have them as members.
    "prvAppendToContact",
    "prvAppendContact",
    "prvReadLead",
    "prvCreateLead",
    "prvWriteLead",
    "prvAppendToLead",
    "prvAppendLead",
    // Every activity table has these instead of privileges of its own.
    "prvReadActivity",
    "prvCreateActivity",
    "prvWriteActivity",
    "prvAppendActivity",
    // Rows follow the owner of the contact or lead.
    "prvAssignActivity",
    // Matching by company.
    "prvReadAccount",
    "prvReadList",
    "prvWriteList",
    "prvAppendToList",
];

/// Of definitions, users and teams: these know no rows of a business unit, or are needed of all.
const OF_ALL: &[&str] = &[
    "prvReadUser",
    "prvReadTeam",
    // The names of the rules, for the reason why a row was refused.
    "prvReadDuplicateRule",
    // A row stands in the timeline where it happened.
    "prvOverrideCreatedOnCreatedBy",
    "prvReadEntity",
    "prvReadAttribute",
    "prvReadRelationship",
    "prvReadOptionSet",
    "prvReadEntityKey",
    // What `check` compares.
    "prvReadRole",
];

impl Role {
    /// Exactly what the connector uses: nothing is deleted, shared or merged.
    pub fn new(reach: Reach) -> Self {
        let of_rows = match reach {
            Reach::Organisation => Depth::Global,
            Reach::BusinessUnit => Depth::Local,
        };
        let privilege = |depth: Depth| {
            move |name: &&'static str| Privilege {
                name,
                depth,
                of_optional_table: name.ends_with("Lead") || name.ends_with("List"),
            }
        };
        let mut privileges: Vec<Privilege> = OF_ROWS.iter().map(privilege(of_rows)).collect();
        privileges.extend(OF_ALL.iter().map(privilege(Depth::Global)));
        privileges.sort_by_key(|privilege| privilege.name);
        Self { id: id_of("role", ROLE), name: ROLE, privileges }
    }
}

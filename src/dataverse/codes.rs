//! What Dataverse's error codes mean for what was asked (Microsoft: "Web service error codes"). This is the only place that knows codes.

use super::Hold;

/// What a code says, whatever the status that it comes with: one code is seen with several (0x80040333 with 412 and 500).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// It may pass.
    Transient,
    /// It may pass, the sooner the fewer rows are asked for at once.
    TookTooLong,
    /// So many rows are never taken at once; a single one is refused.
    TooLarge,
    Held(Hold),
    /// A missing privilege is held; a row outside the role's depth is refused alone.
    Privilege,
    /// A column or navigation property that is not there is held; a value that cannot be read is refused alone.
    Payload,
    /// Somebody else changed or created the row.
    Conflict,
    /// The row, or one that it was to be bound to, is not there (any more): a conflict, too.
    Gone,
    /// A duplicate detection rule.
    Duplicate,
    /// This row only, and for good.
    Refused,
    /// The same of a member of a marketing list.
    List(ListRefusal),
    /// It comes with anything: the status says more.
    Unspecific,
}

/// What a marketing list does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListRefusal {
    /// It holds another kind of member.
    WrongType,
    Locked,
    Inactive,
    /// It has no members of its own.
    Dynamic,
    /// Who was to be taken off is not on it.
    NoMember,
}

/// Every code that is known.
const CODES: &[(u32, Kind)] = &[
    // InvalidArgument.
    (0x8004_0203, Kind::Refused),
    // UnExpected.
    (0x8004_0216, Kind::Unspecific),
    // ObjectDoesNotExist.
    (0x8004_0217, Kind::Gone),
    // PrivilegeDenied.
    (0x8004_0220, Kind::Privilege),
    // UserDisabled.
    (0x8004_0225, Kind::Held(Hold::ApplicationUser)),
    // DuplicateRecord.
    (0x8004_0237, Kind::Conflict),
    // InvalidDateTime.
    (0x8004_0239, Kind::Refused),
    // IsvAborted.
    (0x8004_0265, Kind::Refused),
    // UnsupportedListMemberType.
    (0x8004_0301, Kind::List(ListRefusal::WrongType)),
    // InvalidOperationWhenListLocked.
    (0x8004_0302, Kind::List(ListRefusal::Locked)),
    // DuplicateRecordsFound.
    (0x8004_0333, Kind::Duplicate),
    // InvalidOperationWhenListIsNotActive.
    (0x8004_033a, Kind::List(ListRefusal::Inactive)),
    // UserNotAssignedRoles.
    (0x8004_2f09, Kind::Held(Hold::Role)),
    // GenericSqlError: a deadlock's, mostly.
    (0x8004_4150, Kind::Transient),
    // SqlTimeout.
    (0x8004_4151, Kind::TookTooLong),
    // RequestLengthTooLarge.
    (0x8004_418a, Kind::TooLarge),
    // PicklistValueOutOfRange.
    (0x8004_431a, Kind::Refused),
    // IntegerValueOutOfRange.
    (0x8004_432f, Kind::Refused),
    // DecimalValueOutOfRange.
    (0x8004_4330, Kind::Refused),
    // StringLengthTooLong.
    (0x8004_4331, Kind::Refused),
    // PrivilegeDenied for a record.
    (0x8004_8306, Kind::Privilege),
    // InvalidStateCodeStatusCode.
    (0x8004_8408, Kind::Refused),
    // CannotRemoveNonListMember.
    (0x8004_8458, Kind::List(ListRefusal::NoMember)),
    // An unreadable payload.
    (0x8004_8d19, Kind::Payload),
    // OrganizationDisabled.
    (0x8004_a104, Kind::Held(Hold::Organisation)),
    // UserDisabled at sign-in.
    (0x8004_a112, Kind::Held(Hold::ApplicationUser)),
    // InvalidOperationForDynamicList.
    (0x8004_f701, Kind::List(ListRefusal::Dynamic)),
    // ConcurrencyVersionMismatch.
    (0x8006_0882, Kind::Conflict),
    // An unknown property or segment in a URL.
    (0x8006_0888, Kind::Held(Hold::Schema)),
    // An unknown segment.
    (0x8006_088a, Kind::Held(Hold::Schema)),
    // EntityKeyNotDefined.
    (0x8006_0890, Kind::Held(Hold::Schema)),
    // RecordNotFoundByEntityKey.
    (0x8006_0891, Kind::Gone),
    // DuplicateRecordEntityKey.
    (0x8006_0892, Kind::Conflict),
    // SolutionConcurrencyFailure: customisations are being published.
    (0x8007_1151, Kind::Transient),
    // The limits on execution time and requests in five minutes, and on requests at once.
    (0x8007_2321, Kind::Transient),
    (0x8007_2322, Kind::Transient),
    (0x8007_2326, Kind::Transient),
    // UserNotMemberOfOrg.
    (0x8007_2560, Kind::Held(Hold::ApplicationUser)),
];

/// What a code says; an unknown one nothing.
pub(super) fn kind(code: Option<u32>) -> &'static Kind {
    let known = code.and_then(|code| CODES.iter().find(|(known, _)| *known == code));
    known.map_or(&Kind::Unspecific, |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataverse::{Failure, ServiceError};

    fn error(status: u16, code: u32, message: &str) -> ServiceError {
        ServiceError { status, code: Some(code), message: message.into(), retry_after: None }
    }

    /// The catalogue of what Dataverse answers to reads and writes of rows, with the status that it is seen with.
    #[test]
    fn each_code_of_the_catalogue_has_its_kind() {
        let held = Failure::Held;
        let refused = |code| Failure::Refused { code: Some(code), reason: String::new() };
        let transient = || Failure::Transient { retry_after: None };
        let duplicate = || Failure::Duplicate { reason: String::new() };
        let catalogue = [
            (404, 0x8004_0217, Failure::Conflict),
            (404, 0x8006_0891, Failure::Conflict),
            (400, 0x8006_0890, held(Hold::Schema)),
            (412, 0x8004_0237, Failure::Conflict),
            (412, 0x8006_0892, Failure::Conflict),
            (412, 0x8004_0333, duplicate()),
            (500, 0x8004_0333, duplicate()),
            (412, 0x8006_0882, Failure::Conflict),
            (403, 0x8004_0220, held(Hold::Privilege)),
            (403, 0x8004_8306, held(Hold::Privilege)),
            (403, 0x8007_2560, held(Hold::ApplicationUser)),
            (403, 0x8004_0225, held(Hold::ApplicationUser)),
            (403, 0x8004_a112, held(Hold::ApplicationUser)),
            (403, 0x8004_2f09, held(Hold::Role)),
            (403, 0x8004_a104, held(Hold::Organisation)),
            (400, 0x8004_8d19, refused(0x8004_8d19)),
            (400, 0x8006_0888, held(Hold::Schema)),
            (404, 0x8006_0888, held(Hold::Schema)),
            (404, 0x8006_088a, held(Hold::Schema)),
            (400, 0x8004_4331, refused(0x8004_4331)),
            (400, 0x8004_431a, refused(0x8004_431a)),
            (400, 0x8004_432f, refused(0x8004_432f)),
            (400, 0x8004_4330, refused(0x8004_4330)),
            (400, 0x8004_0239, refused(0x8004_0239)),
            (400, 0x8004_8408, refused(0x8004_8408)),
            (400, 0x8004_0203, refused(0x8004_0203)),
            (400, 0x8004_0265, refused(0x8004_0265)),
            // A plug-in chooses its status; it refuses this row all the same.
            (500, 0x8004_0265, refused(0x8004_0265)),
            (403, 0x8004_0265, refused(0x8004_0265)),
            (400, 0x8004_0216, refused(0x8004_0216)),
            (500, 0x8004_0216, transient()),
            (503, 0x8004_0216, transient()),
            (500, 0x8004_4150, transient()),
            (500, 0x8004_4151, transient()),
            (413, 0x8004_418a, refused(0x8004_418a)),
            (429, 0x8007_2322, transient()),
            (429, 0x8007_2321, transient()),
            (429, 0x8007_2326, transient()),
            (400, 0x8007_1151, transient()),
            (400, 0x8004_0301, refused(0x8004_0301)),
            (400, 0x8004_0302, refused(0x8004_0302)),
            (400, 0x8004_033a, refused(0x8004_033a)),
            (400, 0x8004_f701, refused(0x8004_f701)),
            (400, 0x8004_8458, refused(0x8004_8458)),
        ];
        for (status, code, expected) in &catalogue {
            assert_eq!(error(*status, *code, "").failure(), *expected, "{status} {code:#x}");
        }
        for (code, kind) in CODES {
            let told = catalogue.iter().any(|(_, told, _)| told == code);
            let once = CODES.iter().filter(|(other, _)| other == code).count() == 1;
            assert!(told && once, "{code:#x} {kind:?}");
        }
    }

    #[test]
    fn where_a_code_has_two_meanings_its_text_tells_them_apart() {
        let record = "Principal with id x does not have WriteAccess right(s) for record with id y of entity contact";
        let property = "Error identified in Payload … Invalid property 'new_x' was found in entity …";
        for (code, message, held) in [
            (0x8004_0220, "Principal user (Id=…) is missing prvReadContact privilege", Some(Hold::Privilege)),
            (0x8004_0220, record, None),
            (0x8004_8306, record, None),
            (0x8004_8d19, property, Some(Hold::Schema)),
            (0x8004_8d19, "Cannot convert the literal 'x' to the expected type 'Edm.Int32'.", None),
            (0x8004_8d19, "Stream was not readable.", None),
        ] {
            let refused = || Failure::Refused { code: Some(code), reason: message.to_owned() };
            assert_eq!(error(403, code, message).failure(), held.map_or_else(refused, Failure::Held), "{message}");
        }
    }

    #[test]
    fn what_takes_too_long_comes_through_in_smaller_bulks_and_nothing_else_does() {
        let codes = || CODES.iter().map(|(code, _)| *code);
        let too_long: Vec<u32> = codes().filter(|code| error(500, *code, "").took_too_long()).collect();
        assert_eq!(too_long, [0x8004_4151, 0x8004_418a]);
    }

    #[test]
    fn what_lists_do_not_take_is_told_apart() {
        let refusals: Vec<_> =
            CODES.iter().filter_map(|(code, _)| Some((*code, error(400, *code, "").list_refusal()?))).collect();
        let expected = [
            (0x8004_0301, ListRefusal::WrongType),
            (0x8004_0302, ListRefusal::Locked),
            (0x8004_033a, ListRefusal::Inactive),
            (0x8004_8458, ListRefusal::NoMember),
            (0x8004_f701, ListRefusal::Dynamic),
        ];
        assert_eq!(refusals, expected);
    }
}

//! Columns that accounts, contacts and leads have alike, and what can be chosen in them.

use crate::metadata::TableBuilder;

/// The one option of choices that an organisation is meant to fill itself.
pub(super) const UNDECIDED: &[(i64, &str)] = &[(1, "Default Value")];

pub(super) const INDUSTRIES: &[(i64, &str)] = &[
    (1, "Accounting"),
    (2, "Agriculture and Non-petrol Natural Resource Extraction"),
    (3, "Broadcasting Printing and Publishing"),
    (4, "Brokers"),
    (5, "Building Supply Retail"),
    (6, "Business Services"),
    (7, "Consulting"),
    (8, "Consumer Services"),
    (9, "Design, Direction and Creative Management"),
    (10, "Distributors, Dispatchers and Processors"),
    (11, "Doctor's Offices and Clinics"),
    (12, "Durable Manufacturing"),
    (13, "Eating and Drinking Places"),
    (14, "Entertainment Retail"),
    (15, "Equipment Rental and Leasing"),
    (16, "Financial"),
    (17, "Food and Tobacco Processing"),
    (18, "Inbound Capital Intensive Processing"),
    (19, "Inbound Repair and Services"),
    (20, "Insurance"),
    (21, "Legal Services"),
    (22, "Non-Durable Merchandise Retail"),
    (23, "Outbound Consumer Service"),
    (24, "Petrochemical Extraction and Distribution"),
    (25, "Service Retail"),
    (26, "SIG Affiliations"),
    (27, "Social Services"),
    (28, "Special Outbound Trade Contractors"),
    (29, "Specialty Realty"),
    (30, "Transportation"),
    (31, "Utility Creation and Distribution"),
    (32, "Vehicle Retail"),
    (33, "Wholesale"),
];

pub(super) const CONTACT_METHODS: &[(i64, &str)] = &[(1, "Any"), (2, "Email"), (3, "Phone"), (4, "Fax"), (5, "Mail")];

/// Columns of one postal address (`address1_…`).
pub(super) fn address(builder: TableBuilder, number: u8) -> TableBuilder {
    let name = |part: &str| format!("Address{number}_{part}");
    let texts = |builder: TableBuilder, max: usize, parts: &[&str]| {
        parts.iter().fold(builder, |builder, part| builder.text(&name(part), max))
    };
    let builder = texts(builder, 250, &["Line1", "Line2", "Line3"]);
    let builder = texts(builder, 200, &["Name"]);
    let builder = texts(builder, 80, &["City", "Country"]);
    let builder = texts(builder, 50, &["StateOrProvince", "County", "Fax", "Telephone1", "Telephone2", "Telephone3"]);
    let builder = texts(builder, 20, &["PostalCode", "PostOfficeBox"]);
    texts(builder, 4, &["UPSZone"])
        .whole(&name("UTCOffset"))
        .double(&name("Latitude"), 5, 90.0)
        .double(&name("Longitude"), 5, 180.0)
        .memo(&name("Composite"), 1000)
        .read_only()
}

/// What only addresses of customers have.
pub(super) fn shipping(builder: TableBuilder, number: u8) -> TableBuilder {
    builder
        .text(&format!("Address{number}_PrimaryContactName"), 100)
        .choice(&format!("Address{number}_FreightTermsCode"), if number == 1 { FREIGHT } else { UNDECIDED })
        .choice(&format!("Address{number}_ShippingMethodCode"), if number == 1 { SHIPPING } else { UNDECIDED })
}

const FREIGHT: &[(i64, &str)] = &[(1, "FOB"), (2, "No Charge")];
const SHIPPING: &[(i64, &str)] =
    &[(1, "Airborne"), (2, "DHL"), (3, "FedEx"), (4, "UPS"), (5, "Postal Mail"), (6, "Full Load"), (7, "Will Call")];
pub(super) const ADDRESS_TYPES: &[(i64, &str)] = &[(1, "Bill To"), (2, "Ship To"), (3, "Primary"), (4, "Other")];

/// Ways in which people may or may not be contacted.
pub(super) fn preferences(builder: TableBuilder) -> TableBuilder {
    ["DoNotEmail", "DoNotPhone", "DoNotBulkEmail", "DoNotPostalMail", "DoNotFax"]
        .iter()
        .fold(builder, |builder, name| builder.flag_of(name, false, "Allow", "Do Not Allow"))
        .datetime("LastOnHoldTime")
        .whole("OnHoldTime")
        .read_only()
        .text("TimeSpentByMeOnEmailAndMeetings", 1250)
        .read_only()
        .text("TraversedPath", 1250)
}

/// What sales people know about the business with an account or a contact.
pub(super) fn terms(builder: TableBuilder) -> TableBuilder {
    builder
        .money("CreditLimit")
        .money("Aging30")
        .read_only()
        .money("Aging60")
        .read_only()
        .money("Aging90")
        .read_only()
        .choice("PaymentTermsCode", &[(1, "Net 30"), (2, "2% 10, Net 30"), (3, "Net 45"), (4, "Net 60")])
        .choice(
            "PreferredAppointmentDayCode",
            &[
                (0, "Sunday"),
                (1, "Monday"),
                (2, "Tuesday"),
                (3, "Wednesday"),
                (4, "Thursday"),
                (5, "Friday"),
                (6, "Saturday"),
            ],
        )
        .choice("PreferredAppointmentTimeCode", &[(1, "Morning"), (2, "Afternoon"), (3, "Evening")])
        .choice("ShippingMethodCode", UNDECIDED)
        .choice("TerritoryCode", UNDECIDED)
}

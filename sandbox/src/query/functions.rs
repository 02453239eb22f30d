//! The query functions of the Web API ("Query function reference") and the operators of FetchXML that they are.

/// The operator behind a function, if there is such a function.
pub(super) fn of_function(name: &str) -> Option<String> {
    Some(
        match name {
            "In" => "in",
            "NotIn" => "not-in",
            "Between" => "between",
            "NotBetween" => "not-between",
            "ContainValues" => "contain-values",
            "DoesNotContainValues" => "not-contain-values",
            "EqualUserId" => "eq-userid",
            "NotEqualUserId" => "ne-userid",
            "EqualBusinessId" => "eq-businessid",
            "NotEqualBusinessId" => "ne-businessid",
            "EqualUserTeams" => "eq-userteams",
            "EqualUserOrUserTeams" => "eq-useroruserteams",
            "EqualUserOrUserHierarchy" => "eq-useroruserhierarchy",
            "EqualUserOrUserHierarchyAndTeams" => "eq-useroruserhierarchyandteams",
            "EqualUserLanguage" => "eq-userlanguage",
            "Above" => "above",
            "AboveOrEqual" => "eq-or-above",
            "Under" => "under",
            "UnderOrEqual" => "eq-or-under",
            "NotUnder" => "not-under",
            "Last7Days" => "last-seven-days",
            "Next7Days" => "next-seven-days",
            "Today"
            | "Yesterday"
            | "Tomorrow"
            | "On"
            | "NotOn"
            | "OnOrAfter"
            | "OnOrBefore"
            | "InFiscalYear"
            | "InFiscalPeriod"
            | "InFiscalPeriodAndYear"
            | "InOrAfterFiscalPeriodAndYear"
            | "InOrBeforeFiscalPeriodAndYear" => {
                return Some(kebab(name));
            }
            _ => {
                let named = ["Last", "This", "Next"].iter().any(|direction| {
                    name.strip_prefix(direction).is_some_and(|rest| {
                        matches!(rest, "Week" | "Month" | "Year" | "FiscalPeriod" | "FiscalYear")
                            || rest.strip_prefix('X').is_some_and(counted)
                    })
                });
                let older = name.strip_prefix("OlderThanX").is_some_and(|unit| counted(unit) || unit == "Minutes");
                return (named || older).then(|| kebab(name).replace("older-than-", "olderthan-"));
            }
        }
        .to_owned(),
    )
}

fn counted(unit: &str) -> bool {
    matches!(unit, "Hours" | "Days" | "Weeks" | "Months" | "Years" | "FiscalPeriods" | "FiscalYears")
}

/// `LastXDays` becomes `last-x-days`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::of_function;

    #[test]
    fn functions_have_the_operators_of_fetchxml() {
        for (function, operator) in [
            ("LastXDays", Some("last-x-days")),
            ("LastXFiscalPeriods", Some("last-x-fiscal-periods")),
            ("OlderThanXMinutes", Some("olderthan-x-minutes")),
            ("OnOrAfter", Some("on-or-after")),
            ("ThisFiscalYear", Some("this-fiscal-year")),
            ("LastXMinutes", None),
            ("Contains", None),
        ] {
            assert_eq!(of_function(function).as_deref(), operator, "{function}");
        }
    }
}

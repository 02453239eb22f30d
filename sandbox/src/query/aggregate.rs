//! Groups and sums (`$apply`, `<fetch aggregate="true">`).

use std::sync::Arc;

use super::sql::Compiler;
use super::{Field, Query, Sql};
use crate::metadata::{ColumnType, Table};

/// What is computed over the rows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Sum,
    Average,
    Min,
    Max,
    /// Rows.
    Count,
    /// Rows with a value in the column.
    CountColumn,
    CountDistinct,
}

/// A part of a point in time to group by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Day,
    Week,
    Month,
    Quarter,
    Year,
    FiscalPeriod,
    FiscalYear,
}

/// A column that makes the groups.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) alias: String,
    pub(crate) field: Field,
    pub(crate) part: Option<DatePart>,
}

/// A value of each group.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    pub(crate) alias: String,
    pub(crate) function: Function,
    pub(crate) field: Field,
}

/// What to compute over the rows of a query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aggregation {
    pub(crate) groups: Vec<Group>,
    pub(crate) measures: Vec<Measure>,
    /// Outputs to sort by: groups come first, then measures.
    pub(crate) order: Vec<(usize, bool)>,
    /// Outputs to leave out at the beginning, and how many to return.
    pub(crate) offset: usize,
    pub(crate) limit: Option<usize>,
}

/// What an output of an aggregation holds.
#[derive(Debug, Clone)]
pub(crate) enum OutputKind {
    /// Values like those of a column.
    Column(Arc<Table>, usize),
    Number,
    Average,
    FiscalPeriod,
    FiscalYear,
}

/// An output of an aggregation.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) alias: String,
    pub(crate) kind: OutputKind,
}

impl Aggregation {
    /// Names and kinds of the outputs, groups first.
    pub(crate) fn outputs(&self, query: &Query) -> Vec<Output> {
        let table = |field: &Field| match field.path.last() {
            Some(step) => Arc::clone(&step.table),
            None => Arc::clone(query.source(field.source.unwrap_or(0))),
        };
        let groups = self.groups.iter().map(|group| Output {
            alias: group.alias.clone(),
            kind: match group.part {
                None => OutputKind::Column(table(&group.field), group.field.column),
                Some(DatePart::FiscalPeriod) => OutputKind::FiscalPeriod,
                Some(DatePart::FiscalYear) => OutputKind::FiscalYear,
                Some(_) => OutputKind::Number,
            },
        });
        let measures = self.measures.iter().map(|measure| {
            let whole = !matches!(query.column_of(&measure.field).kind, ColumnType::Decimal { .. });
            Output {
                alias: measure.alias.clone(),
                kind: match measure.function {
                    Function::Count | Function::CountColumn | Function::CountDistinct => OutputKind::Number,
                    Function::Average if whole => OutputKind::Average,
                    _ => OutputKind::Column(table(&measure.field), measure.field.column),
                },
            }
        });
        groups.chain(measures).collect()
    }

    /// The statement that computes the outputs. A lookup that makes groups brings the name of its target's table in
    /// another SQL column, which follows all others.
    pub(crate) fn to_sql(&self, query: &Query, polymorphic: impl Fn(&Field) -> Option<String>) -> Sql {
        let mut compiler = Compiler::new(query);
        let root = compiler.root();
        let groups: Vec<String> =
            self.groups.iter().map(|group| dated(&compiler.field(&root, &group.field), group.part)).collect();
        let mut outputs = groups.clone();
        for measure in &self.measures {
            let column = compiler.field(&root, &measure.field);
            let whole = !matches!(query.column_of(&measure.field).kind, ColumnType::Decimal { .. });
            outputs.push(match measure.function {
                Function::Sum => format!("COALESCE(sum({column}), 0)"),
                // The average of whole numbers is a whole number, as in SQL Server.
                Function::Average if whole => format!("CAST(avg({column}) AS INTEGER)"),
                Function::Average => format!("avg({column})"),
                Function::Min => format!("min({column})"),
                Function::Max => format!("max({column})"),
                Function::Count => "count(*)".to_owned(),
                Function::CountColumn => format!("count({column})"),
                Function::CountDistinct => format!("count(DISTINCT {column})"),
            });
        }
        let order: Vec<String> = self
            .order
            .iter()
            .map(|(output, descending)| format!("{}{}", output + 1, if *descending { " DESC" } else { "" }))
            .chain((1..=groups.len()).map(|place| place.to_string()))
            .collect();
        for group in &self.groups {
            outputs
                .push(polymorphic(&group.field).map_or_else(|| "NULL".to_owned(), |target| format!("max({target})")));
        }
        let from = compiler.from();
        let filter = compiler.filter(&[], &[]);
        let mut text = format!("SELECT {}{from}{filter}", outputs.join(", "));
        if !groups.is_empty() {
            let places: Vec<String> = (1..=groups.len()).map(|place| place.to_string()).collect();
            text.push_str(&format!(" GROUP BY {}", places.join(", ")));
        }
        if !order.is_empty() {
            text.push_str(&format!(" ORDER BY {}", order.join(", ")));
        }
        let limit = self.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        text.push_str(&format!(" LIMIT {limit} OFFSET {}", self.offset));
        Sql { text, parameters: compiler.parameters }
    }
}

/// A part of a point in time. Weeks and days are those of UTC.
fn dated(column: &str, part: Option<DatePart>) -> String {
    let Some(part) = part else { return column.to_owned() };
    format!("dv_date_part({column}, {})", part as i64)
}

impl DatePart {
    const ALL: [Self; 7] =
        [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year, Self::FiscalPeriod, Self::FiscalYear];

    /// The part with the number that statements use.
    pub(crate) fn numbered(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|part| *part as i64 == number)
    }

    /// This part of a date. Fiscal years are calendar years, fiscal periods are quarters; a period is numbered with its
    /// year, as `20264`.
    pub(crate) fn of(self, date: jiff::civil::Date) -> i64 {
        let quarter = (i64::from(date.month()) - 1) / 3 + 1;
        match self {
            Self::Day => date.day().into(),
            Self::Week => {
                // Weeks begin on Sunday and the one with 1 January is the first, as in SQL Server's DATEPART.
                let offset = i64::from(date.first_of_year().weekday().to_sunday_zero_offset());
                (i64::from(date.day_of_year()) - 1 + offset) / 7 + 1
            }
            Self::Month => date.month().into(),
            Self::Quarter => quarter,
            Self::Year | Self::FiscalYear => date.year().into(),
            Self::FiscalPeriod => i64::from(date.year()) * 10 + quarter,
        }
    }
}

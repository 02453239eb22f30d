//! What was measured, beside what was aimed for.

use std::env;

use serde::Serialize;

use super::processors::cores;

/// All figures of one run.
#[derive(Serialize)]
pub struct Report {
    /// The processors that the server, its storage and the load had between them.
    cores: usize,
    system: String,
    /// Whether it was a short run.
    quick: bool,
    pub figures: Vec<Figure>,
}

/// One measured figure.
#[derive(Serialize)]
pub struct Figure {
    /// What is measured, the same for all that are compared.
    pub what: String,
    /// Of which program.
    pub of: String,
    /// Nothing when it could not be measured; the note says why.
    pub value: Option<f64>,
    pub unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a figure should be; nothing here ever fails for missing it.
#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Report {
    pub fn new(quick: bool) -> Report {
        Report {
            cores: cores(),
            system: format!("{} {}", env::consts::OS, env::consts::ARCH),
            quick,
            figures: Vec::new(),
        }
    }

    pub fn add(&mut self, what: &str, of: &str, value: f64, unit: &'static str) -> &mut Figure {
        self.push(what, of, Some(value), unit)
    }

    /// A figure that could not be measured, and why.
    pub fn add_missing(&mut self, what: &str, of: &str, unit: &'static str, why: &str) {
        self.push(what, of, None, unit).note = Some(why.to_owned());
    }

    pub fn missing(&self) -> usize {
        self.figures.iter().filter(|figure| figure.value.is_none()).count()
    }

    fn push(&mut self, what: &str, of: &str, value: Option<f64>, unit: &'static str) -> &mut Figure {
        self.figures.push(Figure { what: what.to_owned(), of: of.to_owned(), value, unit, aim: None, note: None });
        let last = self.figures.len() - 1;
        &mut self.figures[last]
    }

    /// The figures as a text, those of one kind under each other.
    pub fn text(&self) -> String {
        let mut text = format!("{}, {} cores", self.system, self.cores);
        text += if self.quick { "; a quick run, not to be quoted\n" } else { "\n" };
        let mut what = "";
        for figure in &self.figures {
            if figure.what != what {
                what = &figure.what;
                text += &format!("\n{what}\n");
            }
            let value = figure.value.map_or("-".to_owned(), readable);
            text += &format!("  {:<34} {value:>9} {:<10}", figure.of, figure.unit);
            let aim = match figure.aim {
                Some(Aim::AtMost(aim)) => format!("aim: at most {}", readable(aim)),
                Some(Aim::AtLeast(aim)) => format!("aim: at least {}", readable(aim)),
                None => String::new(),
            };
            text += &format!(" {aim:<19}  {}", figure.note.as_deref().unwrap_or_default());
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

impl Figure {
    pub fn aim(&mut self, aim: Aim) -> &mut Figure {
        self.aim = Some(aim);
        self
    }

    pub fn note(&mut self, note: String) -> &mut Figure {
        self.note = Some(note);
        self
    }
}

/// About three digits, or all before the point.
fn readable(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 0.1 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_stands_beside_its_aim_and_its_peers() {
        let mut report = Report::new(false);
        report.add("start", "ours", 3.136, "ms").aim(Aim::AtMost(10.0));
        report.add("start", "theirs", 71.25, "ms");
        report.add_missing("events", "ours", "events/s", "answered 500");
        let text = report.text();
        let lines = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                "",
                "start",
                "ours 3.14 ms aim: at most 10.0",
                "theirs 71.2 ms",
                "",
                "events",
                "ours - events/s answered 500"
            ]
        );
        assert_eq!(report.missing(), 1);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["figures"][0]["aim"]["at_most"], 10.0);
    }
}

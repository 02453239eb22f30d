//! `log`: what became of what.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use inevent_d365::{
    manage::SearchLog,
    synclog::{Entry, Query, Verdict},
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    app::{Target, Who},
    since::since,
    table,
};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LogArgs {
    /// Those of this InEvent event, by its id
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Those of this person, by InEvent's id
    #[arg(long, value_name = "ID")]
    person: Option<String>,
    /// Those with this result
    #[arg(long, value_name = "RESULT", value_parser = result)]
    result: Option<Verdict>,
    /// Since when: a time (2026-11-22T09:00:00Z), a day (2026-11-22, UTC) or how long ago (2d, 12h)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Before when, in the same forms
    #[arg(long, value_name = "TIME", value_parser = since)]
    until: Option<Timestamp>,
    /// The most that are printed
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "Examples:
  inevent-d365 log --event 4711 --since 2d                What happened to an event in two days
  inevent-d365 log --person 100 --limit 10                The last that became of a person
  inevent-d365 log --result refused --json | jq .code     Which codes Dynamics refuses with
  inevent-d365 log --app contoso-inevent --result held    Why a deployed connector waits";

pub fn run(args: LogArgs) -> ExitCode {
    super::block_on(async move {
        let LogArgs { event, person, result, since, until, limit, json, target } = args;
        let query = Query { event, participant: person, result, since, until, limit };
        let entries = target.connector(Who::Anybody).await?.ask(SearchLog(query)).await?;
        print(&entries, limit, json);
        Ok(())
    })
}

fn print(entries: &[Entry], limit: usize, json: bool) {
    if json {
        entries.iter().for_each(|entry| println!("{}", json!(entry)));
        return;
    }
    if entries.is_empty() {
        eprintln!("The log holds nothing that meets this.");
        return;
    }
    print!(
        "{}",
        table::print(["TIME", "STEP", "RESULT", "EVENT", "PERSON", "STATEMENT", "WHY"], entries.iter().map(row))
    );
    if entries.len() == limit {
        eprintln!("There may be more: name what you look for, or another --limit.");
    }
}

fn row(entry: &Entry) -> [String; 7] {
    let or_dash = |text: Option<&str>| table::short(text.filter(|text| !text.is_empty()).unwrap_or("-"), 24);
    let kind = entry.kind.and_then(|kind| json!(kind).as_str().map(str::to_owned));
    let count = entry.count.map(|count| count.to_string());
    let why = [entry.code.as_deref(), entry.why.as_deref(), count.as_deref()];
    [
        table::seconds(entry.at),
        entry.step.name().to_owned(),
        entry.result.name().to_owned(),
        or_dash(Some(&entry.event)),
        or_dash(entry.participant.as_deref()),
        or_dash(kind.as_deref()),
        table::short(&why.into_iter().flatten().collect::<Vec<_>>().join(" "), 60),
    ]
}

fn result(text: &str) -> Result<Verdict, String> {
    let named = |verdict: &Verdict| verdict.name().eq_ignore_ascii_case(text.trim());
    Verdict::ALL
        .into_iter()
        .find(named)
        .ok_or_else(|| format!("it is one of {}", Verdict::ALL.map(Verdict::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_named_as_the_help_names_them() {
        use clap::CommandFactory as _;

        assert_eq!(result("Refused").unwrap(), Verdict::Refused);
        assert!(result("lost").unwrap_err().contains("written"));
        let mut cli = crate::cli::Cli::command();
        let help = cli.find_subcommand_mut("log").unwrap().render_long_help().to_string();
        for verdict in Verdict::ALL {
            assert!(help.contains(verdict.name()), "{}", verdict.name());
        }
    }
}

//! `setup`: make what the connector needs in a Dataverse environment, or write it as a solution file.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use inevent_d365::{
    dataverse::{Client, ClientOptions, TokenSource},
    functions::connect,
    settings::{DataverseSettings, Prefix},
    setup::{
        Provisioning, Reach, Solution, Step, StepState, Wanted, export, provision,
        sign_in::{OneToken, PUBLIC_CLIENT, azure_cli, device_code},
    },
};
use serde_json::json;
use uuid::Uuid;

use super::setting;

/// Holds the token of an administrator.
const TOKEN: &str = "DATAVERSE_TOKEN";

#[derive(Debug, Args)]
pub struct SetupArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make tables, columns, views, form and security role in an environment
    Dataverse(DataverseArgs),
}

/// Makes publisher, solution, the activity table, columns of contact and lead, key, views, form and security role. What is there already
/// is left alone; what is there and does not fit is named with what to do about it. Run it as often as you like.
///
/// It needs the rights of a system administrator or customiser once. The token is kept nowhere.
#[derive(Debug, Args)]
struct DataverseArgs {
    /// The environment, such as https://contoso.crm4.dynamics.com; by default that of DATAVERSE_URL
    #[arg(long)]
    url: Option<String>,
    /// Only say what would be made
    #[arg(long)]
    dry_run: bool,
    /// A further activity table with the same columns, with its label if you like: new_webinarattendance="Webinar Attendance"
    #[arg(long = "table", value_name = "NAME[=LABEL]")]
    tables: Vec<String>,
    /// What the names of tables and columns begin with; by default what DATAVERSE_PREFIX says, as it says to the connector, else new
    #[arg(long)]
    prefix: Option<Prefix>,
    /// Whose rows the security role reaches
    #[arg(long, value_enum, default_value_t)]
    depth: ReachArg,
    /// The application (client) id of the connector: it becomes an application user with the role
    #[arg(long, value_name = "CLIENT_ID")]
    application_user: Option<Uuid>,
    /// A table of the environment whose changes are audited from now on, such as contact
    #[arg(long = "audit", value_name = "TABLE")]
    audited: Vec<String>,
    /// Write the solution to a folder, or to a file that ends in .zip, and make nothing
    #[arg(long, value_name = "PATH")]
    export: Option<PathBuf>,
    /// How you sign in: `auto` takes the token in DATAVERSE_TOKEN, else that of Azure CLI, else a code that you enter on another page
    #[arg(long, value_enum, default_value_t)]
    sign_in: SignInArg,
    /// The application that you sign in to with a code; by default the one of Microsoft's samples for Dataverse
    #[arg(long, value_name = "ID", default_value = PUBLIC_CLIENT)]
    client_id: String,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ReachArg {
    #[default]
    Organization,
    BusinessUnit,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum SignInArg {
    #[default]
    Auto,
    /// The token in DATAVERSE_TOKEN
    Token,
    /// A token on standard input
    Stdin,
    /// Azure CLI
    Az,
    /// A code that you enter on another page
    Device,
    /// The connector's own sign-in, where its application user has the rights
    App,
}

pub fn run(args: SetupArgs) -> ExitCode {
    let Command::Dataverse(args) = args.command;
    let mut whole = true;
    let code = super::block_on(async {
        whole = dataverse(&args).await?;
        Ok(())
    });
    if whole { code } else { ExitCode::FAILURE }
}

/// Says whether the connector can do with what is there now.
async fn dataverse(args: &DataverseArgs) -> Result<bool> {
    let table = |text: &String| match text.split_once('=') {
        Some((name, label)) => (name.to_owned(), Some(label.trim_matches('"').to_owned())),
        None => (text.clone(), None),
    };
    let reach = match args.depth {
        ReachArg::Organization => Reach::Organisation,
        ReachArg::BusinessUnit => Reach::BusinessUnit,
    };
    let prefix = args.prefix.clone().map_or_else(|| Prefix::read(&setting), Ok);
    let prefix = prefix.map_err(|problem| anyhow!(problem.0))?;
    if prefix != Prefix::default() {
        eprintln!("Note: the connector must have the app setting DATAVERSE_PREFIX={prefix}.");
    }
    let solution = Solution::new(&Wanted { prefix, reach, tables: args.tables.iter().map(table).collect() })?;
    if let Some(path) = &args.export {
        export::write(&solution, path).with_context(|| format!("{} cannot be written", path.display()))?;
        report_export(path, args.json);
        return Ok(true);
    }
    let client = client(args).await?;
    let wanted =
        Provisioning { dry_run: args.dry_run, application: args.application_user, audited: args.audited.clone() };
    let steps = provision(&client, &solution, &wanted, &mut say).await?;
    Ok(report(&steps, args))
}

fn report_export(path: &Path, as_json: bool) {
    if as_json {
        println!("{}", json!({ "exported": path }));
    } else {
        println!("Written to {}.", path.display());
    }
}

/// Progress, as it is made. What is there is not worth a line.
fn say(step: &Step) {
    match &step.state {
        StepState::There => {}
        StepState::Made => eprintln!("  made     {}", step.what),
        StepState::ToBeMade => eprintln!("  to make  {}", step.what),
        StepState::LeftOut { problem } => eprintln!("  left out {}: {problem}", step.what),
        StepState::Differs { problem, remedy } => eprintln!("  DIFFERS  {}: {problem}. {remedy}", step.what),
    }
}

fn report(steps: &[Step], args: &DataverseArgs) -> bool {
    let count = |of: fn(&StepState) -> bool| steps.iter().filter(|step| of(&step.state)).count();
    let there = count(|state| *state == StepState::There);
    let made = count(|state| matches!(state, StepState::Made | StepState::ToBeMade));
    let differ = count(|state| matches!(state, StepState::Differs { .. }));
    if args.json {
        println!(
            "{}",
            json!({ "dry_run": args.dry_run, "there": there, "made": made, "differ": differ, "steps": steps })
        );
        return differ == 0;
    }
    match (made, args.dry_run) {
        (0, _) => println!("Nothing to make: {there} things are there."),
        (made, true) => {
            println!("{made} things are to be made, {there} are there. This was a dry run: nothing was changed.")
        }
        (made, false) => println!("{made} things made, {there} were there."),
    }
    if differ > 0 {
        println!("{differ} things differ, and the connector cannot do with them: see above.");
    }
    differ == 0
}

/// A client that signs in as the person says.
async fn client(args: &DataverseArgs) -> Result<Client> {
    let url = args.url.clone().or_else(|| setting("DATAVERSE_URL"));
    let url = url.ok_or_else(|| anyhow!("Name the environment: --url https://contoso.crm4.dynamics.com"))?;
    let http = super::http()?;
    let token = |token: Option<String>| token.map(|token| Arc::new(OneToken(token.trim().to_owned().into())));
    let given: Option<Arc<dyn TokenSource>> = match args.sign_in {
        SignInArg::App => {
            let settings = DataverseSettings::read(&setting).map_err(|problems| {
                anyhow!(problems.iter().map(|problem| problem.0.as_str()).collect::<Vec<_>>().join(" "))
            })?;
            let settings = DataverseSettings { url, ..settings };
            let signed = connect(&settings).map_err(|held| anyhow!(held.remedy))?;
            return Ok(Client::new(http, signed.tokens, options(&settings.url)));
        }
        SignInArg::Token => {
            Some(token(setting(TOKEN)).ok_or_else(|| anyhow!("Set {TOKEN} to an administrator's token."))?)
        }
        SignInArg::Stdin => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
            Some(token(Some(text)).ok_or_else(|| anyhow!("There is no token on standard input."))?)
        }
        SignInArg::Az => match azure_cli(&url).await.map_err(|why| anyhow!(why))? {
            Some(token) => Some(Arc::new(OneToken(token))),
            None => bail!("Azure CLI (az) is not on the PATH."),
        },
        SignInArg::Auto => match token(setting(TOKEN)) {
            Some(token) => Some(token),
            None => match azure_cli(&url).await {
                Ok(Some(token)) => Some(Arc::new(OneToken(token)) as Arc<dyn TokenSource>),
                Ok(None) => None,
                Err(why) => {
                    eprintln!("{why}");
                    None
                }
            },
        },
        SignInArg::Device => None,
    };
    let tokens = match given {
        Some(tokens) => tokens,
        None => {
            let show = |prompt: &inevent_d365::setup::sign_in::Prompt| {
                eprintln!("To sign in, open {} and enter the code {}.", prompt.url, prompt.code);
            };
            let token = device_code(&http, &url, setting("DATAVERSE_TOKEN_URL"), &args.client_id, show).await;
            Arc::new(OneToken(token.map_err(|why| anyhow!(why))?))
        }
    };
    Ok(Client::new(http, tokens, options(&url)))
}

/// Definitions take long, and wait for those of others.
fn options(url: &str) -> ClientOptions {
    let (timeout, longest_wait) = (Duration::from_secs(600), Duration::from_secs(60));
    ClientOptions { timeout, longest_wait, retries: 5, ..ClientOptions::new(url) }
}

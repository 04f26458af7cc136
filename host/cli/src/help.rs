//! The help of the whole: commands in groups.

use clap::Command;

use crate::line::lenient;

/// The groups of the first page of help, and what is in them.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Everyday commands", &["read", "write", "patch", "delete", "list", "kv", "pki", "login", "unwrap", "path-help"]),
    ("What a server holds", &["secrets", "auth", "policy", "token", "lease", "namespace", "managed-keys", "audit"]),
    ("Servers", &["server", "status", "operator"]),
    ("Engines of your own", &["engine"]),
    ("This program", &["print", "completion", "version", "help"]),
];

const START: &str = "\
Where to begin:
  innkeeper server -dev                       starts a server to try things with
  export VAULT_ADDR=http://127.0.0.1:8200     says where it is
  innkeeper secrets enable -path=secret kv    opens a place for secrets
  innkeeper kv put secret/app password=-      keeps one that is read from standard input";

/// The same command line with its commands in groups on its first page of help.
pub fn grouped(whole: Command) -> Command {
    let mut whole = lenient(whole);
    whole.build();
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("{title}:\n"));
        for name in names {
            let about = whole.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            text.push_str(&format!("  {name:<14}{}\n", about.unwrap_or_default()));
        }
        text.push('\n');
    }
    let text = format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{text}{START}\n\nOptions:\n{{options}}\n");
    whole.help_template(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[derive(clap::Parser)]
    #[command(name = "innkeeper", version, about = "Keeps keys.")]
    struct Whole {
        #[command(subcommand)]
        _command: crate::Command,
    }

    #[test]
    fn every_command_is_in_one_group() {
        let mut whole = Whole::command();
        whole.build();
        let names: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for command in whole.get_subcommands() {
            let found = names.iter().filter(|name| **name == command.get_name()).count();
            assert_eq!(found, 1, "{}", command.get_name());
        }
        let help = grouped(Whole::command()).render_help().to_string();
        assert!(help.contains("Everyday commands:\n  read          Reads what is at a path\n"), "{help}");
    }

    #[test]
    fn every_command_has_an_example_or_commands_of_its_own() {
        fn look(command: &Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let mut below = command.get_subcommands().filter(|command| command.get_name() != "help").peekable();
            if below.peek().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("innkeeper "), "{path} has no example");
                assert!(command.get_about().is_some(), "{path} does not say what it does");
            }
            below.for_each(|command| look(command, &path));
        }
        Whole::command().get_subcommands().for_each(|command| look(command, ""));
        Whole::command().debug_assert();
    }
}

//! The command line as scripts for stock clients have it: what they may say of options, and how a wrong one is refused.

use std::any::TypeId;

use clap::builder::{BoolishValueParser, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error};

/// The same commands, in all of which the last of two equal options counts, and every option that is true or false may say
/// so: `-force`, `-force=true`, `-force=0`.
pub(crate) fn lenient(whole: Command) -> Command {
    whole.args_override_self(true).mut_args(sayable).mut_subcommands(lenient)
}

fn sayable(option: Arg) -> Arg {
    let is_flag = matches!(option.get_action(), ArgAction::SetTrue);
    let is_boolean = matches!(option.get_action(), ArgAction::Set)
        && option.get_value_parser().type_id() == TypeId::of::<bool>()
        && !option.is_positional();
    if !is_flag && !is_boolean {
        return option;
    }
    let option = if is_flag {
        option.action(ArgAction::Set).value_name("BOOL").default_value("false").hide_default_value(true)
    } else {
        option
    };
    let option = option.num_args(0..=1).require_equals(true).default_missing_value("true");
    option.value_parser(ValueParser::new(BoolishValueParser::new())).hide_possible_values(true)
}

/// Why a command line is refused. An argument without a name may be a secret, so it is not repeated.
pub fn refused(mut error: Error) -> Error {
    const HIDDEN: &str = "(not shown)";
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument if named(ContextKind::InvalidArg).is_some_and(|text| !text.starts_with('-')) => {
            let usage = error.get(ContextKind::Usage).map(|usage| format!("\n\n{usage}")).unwrap_or_default();
            let text = format!("Too many arguments{usage}\n\nFor more information, try '-help'.\n");
            Error::raw(ErrorKind::UnknownArgument, text)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
            if named(ContextKind::InvalidArg).is_some_and(|text| !text.starts_with('-')) =>
        {
            error.insert(ContextKind::InvalidValue, ContextValue::String(HIDDEN.into()));
            error
        }
        _ => error,
    }
}

//! Warnings about parameters that nobody looks at, in Vault's words: a name that is spelled wrong should not go unnoticed.

use model::{Payload, Reply};

use crate::routing::{Answerer, Routed};

/// Most names that one warning repeats. Of more, any may be left out.
const NAMES_MAX: usize = 64;

/// What is said of the names in a body: which ones the path does not know, and which ones the path itself gives a value.
/// Nothing where the path names no fields of its own, for there any name may mean something.
pub(crate) fn warnings(routed: &Routed, names: &[String]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let (fields, captures) = known(routed);
    if fields.is_empty() {
        return Vec::new();
    }
    let pick = |wanted: &dyn Fn(&str) -> bool| {
        let found = names.iter().filter(|name| wanted(name)).take(NAMES_MAX);
        let mut found: Vec<String> = found.map(|name| name.chars().take(model::NAME_MAX).collect()).collect();
        found.sort_unstable();
        found.join(" ")
    };
    let ignored = pick(&|name| !fields.contains(&name) && !captures.contains(&name));
    let replaced = pick(&|name| captures.contains(&name));
    let say = |text: &str, names: String| (!names.is_empty()).then(|| format!("{text}: [{names}]"));
    let replaced_by =
        "Endpoint replaced the value of these parameters with the values captured from the endpoint's path";
    [say("Endpoint ignored these unrecognized parameters", ignored), say(replaced_by, replaced)]
        .into_iter()
        .flatten()
        .collect()
}

/// Whether an answer has room for them: one without content stays without, and one that comes as it is is not touched. What
/// was wrapped is for whoever unwraps it; whoever asked is told beside it.
pub(crate) fn are_told_by(reply: &Reply) -> bool {
    let content = matches!(reply.payload, Payload::Data(_) | Payload::Flattened(_));
    content || !reply.warnings.is_empty() || reply.auth.is_some() || reply.wrap_info.is_some()
}

/// The fields of a path, whatever the operation, and the names of what the path captures.
fn known(routed: &Routed) -> (Vec<&str>, Vec<&str>) {
    match &routed.answerer {
        Answerer::Host(_) => system::parameters(&routed.path),
        Answerer::Guest(engine) => {
            let actions = engine.route().into_iter().flat_map(|route| &route.actions);
            let fields = actions.flat_map(|action| &action.fields).map(|field| field.name.as_str());
            let captures = engine.matched.iter().flat_map(|matched| &matched.captures).map(|(name, _)| name.as_str());
            (fields.collect(), captures.collect())
        }
    }
}

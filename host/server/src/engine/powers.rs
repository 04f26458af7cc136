//! What an import means, in plain words.

/// The contract's interfaces.
const CONTRACT: [(&str, &str); 8] = [
    ("types", "no power: the words that the others share"),
    ("storage", "keeps records in the mount's own drawer; no other mount's can be reached"),
    ("keys", "uses keys that it never sees: the mount's own, and managed keys that operators lent to the mount"),
    ("random", "draws randomness of the host"),
    ("clock", "reads the time of the host"),
    ("log", "writes lines to the host's log, so many for each request"),
    ("http-out", "asks other servers: those that the configuration allows and the mount was granted"),
    ("passwords", "hashes passwords and checks them; auth methods only"),
];

/// What the libraries of most languages import without need. Nothing that could reach anything is behind it.
const WASI: [(&str, &str); 6] = [
    ("cli", "no arguments, no environment, no input; what is printed becomes lines of the log"),
    ("clocks", "reads the time of the host"),
    ("filesystem", "there are no files"),
    ("io", "streams, of which there are none but what is printed"),
    ("random", "draws randomness of the host"),
    ("sockets", "there are no sockets: each is refused"),
];

/// What a component can do with this import.
pub(super) fn meaning(import: &str) -> String {
    let find = |table: &[(&str, &str)], name: &str| {
        table.iter().find(|(known, _)| *known == name).map(|(_, meaning)| (*meaning).to_owned())
    };
    let name = import.split('@').next().unwrap_or_default();
    let known = match name.split_once(['/']) {
        Some(("innkeeper:engine", interface)) => find(&CONTRACT, interface),
        Some((package, _)) => {
            let package = package.strip_prefix("wasi:");
            package.and_then(|package| find(&WASI, package)).map(|meaning| format!("nothing behind it: {meaning}"))
        }
        None => None,
    };
    known.unwrap_or_else(|| "not part of the contract: a component that asks for it is refused".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_of_the_contract_has_words() {
        for component in bundle::ALL.iter().map(|bundled| bundled.component) {
            for import in super::super::anatomy::Anatomy::of(component).unwrap().imports {
                assert!(!meaning(&import).contains("not part of"), "{import}");
            }
        }
    }

    #[test]
    fn wasi_has_nothing_behind_it_and_the_rest_is_refused() {
        assert!(meaning("wasi:filesystem/types@0.2.6").starts_with("nothing behind it: "));
        for foreign in ["wasi:http/outgoing-handler@0.2.0", "other:engine/storage@0.1.0", "innkeeper:engine/shell", "a"]
        {
            assert!(meaning(foreign).contains("is refused"), "{foreign}");
        }
    }
}

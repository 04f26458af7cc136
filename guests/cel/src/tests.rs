mod examples;

use innkeeper_guest::policy::Policy;

use crate::Cel;
use crate::Cel as Language;
use examples::{MONDAY, question, request, verdict};

const HOURS: &str = include_str!("../examples/office-hours-for-root-keys.cel");
const TWO: &str = include_str!("../examples/two-people.cel");
const DIGESTS: &str = include_str!("../examples/approved-digests.cel");
const LIFETIME: &str = include_str!("../examples/certificate-lifetime.cel");

#[test]
fn true_allows_and_false_or_a_text_denies() {
    let asked = question(MONDAY, request("{\"n\": 5, \"nested\": {\"list\": [1.5, null, true]}}"));
    for (text, says) in [
        ("true", None),
        ("false", Some(crate::NO)),
        ("'not today'", Some("not today")),
        ("request.parameters.n < 6 && request.parameters.nested.list[0] > 1.0", None),
        ("request.operation == 'update' && request.path.startsWith('pki/') && request.wrap_ttl == null", None),
        ("principal.entity_name == 'ada' && 'operators' in principal.groups && 'ca' in principal.policies", None),
        ("principal.entity_metadata.team == 'ca' && principal.metadata['approved_by'] == 'bob'", None),
        ("place.namespace == 'team/' && place.mount_type == 'pki' && place.remote_address == '192.0.2.1'", None),
        ("key == null", None),
        ("now > timestamp('2026-01-01T00:00:00Z') && now.getHours() == 8", None),
    ] {
        assert_eq!(verdict(text, &asked).unwrap().as_deref(), says, "{text}");
    }
}

#[test]
fn what_comes_to_something_else_or_to_an_error_is_no_verdict() {
    let asked = question(MONDAY, request("{}"));
    for (text, says) in [
        ("1 + 1", "must come to true, false or a text"),
        ("request.parameters.absent == 1", "absent"),
        ("nobody.name == ''", "nobody"),
        ("key.name == 'a'", ""),
    ] {
        let error = verdict(text, &asked).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
    for broken in ["", "1 +", "request.", "a b"] {
        assert!(Cel::check(broken).is_err(), "{broken:?}");
    }
    assert!(Cel::check(&format!("true{}", " || true".repeat(4096))).unwrap_err().contains("16 KiB"));
}

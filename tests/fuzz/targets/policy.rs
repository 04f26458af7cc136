//! A policy's text: whatever it is, it is read or refused, and what was read decides on every path without a fault. Its
//! last line is a path to decide on.
#![no_main]

use access::policy::{Acl, Policy, Question, Source, Subject};
use model::{Id, NamespacePath, Operation};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let path = text.lines().last().unwrap_or_default();
    let _ = hcl::parse(text);
    let Ok(policy) = Policy::parse(text) else { return };
    let root = NamespacePath::root();
    let source = Source { policy: &policy, name: "p", namespace: Id::nil(), path: &root };
    let acl = Acl::new([source], &Subject::default(), 0);
    for operation in [Operation::Read, Operation::List, Operation::Update] {
        let question = Question { operation, path, parameters: None, wrap_ttl: None, sudo: false };
        let verdict = acl.decide(&question);
        // What may not be done there at all, may not be done with this operation.
        assert!(!verdict.allowed || operation == Operation::List || acl.capabilities(path) != ["deny"]
            || path.ends_with('/'));
    }
    let _ = acl.reaches("a/");
});

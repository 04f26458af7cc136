use crate::*;

fn read(text: &str) -> Vec<Entry> {
    parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The entries without their places, in one line.
fn shown(text: &str) -> String {
    line(&read(text))
}

fn line(entries: &[Entry]) -> String {
    let one = |entry: &Entry| {
        let keys: Vec<_> = entry.keys.iter().map(|key| key.text.as_str()).collect();
        format!("{}={}", keys.join(" "), value(&entry.value))
    };
    entries.iter().map(one).collect::<Vec<_>>().join(";")
}

fn value(found: &Value) -> String {
    match found {
        Value::Text(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Flag(flag) => flag.to_string(),
        Value::Null => "null".into(),
        Value::List(values) => format!("[{}]", values.iter().map(value).collect::<Vec<_>>().join(",")),
        Value::Object(entries) => format!("{{{}}}", line(entries)),
    }
}

#[test]
fn forms_of_the_first_version_are_read() {
    for (text, wanted) in [
        ("", ""),
        ("# only\n// comments\n/* of\nall */", ""),
        ("a = 1 b = 2", "a=1;b=2"),
        (r#""a" = "x""#, r#"a="x""#),
        (r#""path" "p" { }"#, "path p={}"),
        (r#"path "p" { capabilities = ["read", "list",] }"#, r#"path p={capabilities=["read","list"]}"#),
        (r#"a = { "x"=[] "y"=[] }"#, "a={x=[];y=[]}"),
        (r#"a = { "x"=[], "y"=[], }"#, "a={x=[];y=[]}"),
        (r#"a { x = 1, y = 2 }"#, "a={x=1;y=2}"),
        (r#"a = "${b} %{c}""#, r#"a="${b} %{c}""#),
        (r#"a = "x${ "q" }y""#, r#"a="x${ \"q\" }y""#),
        ("a = 1\na = 2", "a=1;a=2"),
        ("path \"p\" {}\npath \"p\" {}", "path p={};path p={}"),
        ("a-b.c_d = true", "a-b.c_d=true"),
        ("a = 0x1F b = 017 c = -3 d = 1.5 e = 1e-3 f = -0.5", "a=31;b=15;c=-3;d=1.5;e=0.001;f=-0.5"),
        ("a = [1, [\"b\"], {c = 1}, false]", "a=[1,[\"b\"],{c=1},false]"),
        ("a = /* here */ 1 # there", "a=1"),
        ("a # comment\n= 1", "a=1"),
        (r#"a = "\n\t\"\\\x41\101é\U0001F600""#, "a=\"\\n\\t\\\"\\\\AAé😀\""),
        ("a\r\n=\r\n1\r\n", "a=1"),
    ] {
        assert_eq!(shown(text), wanted, "{text}");
    }
}

#[test]
fn heredocs_keep_their_lines_and_lose_a_common_margin_when_asked() {
    assert_eq!(shown("a = <<EOF\n  x\n y\nEOF\n"), r#"a="  x\n y\n""#);
    assert_eq!(shown("a = <<EOF\n  x\n  EOF\nb = 1"), r#"a="  x\n";b=1"#);
    assert_eq!(shown("a = <<-EOF\n    x\n      y\n    EOF\n"), r#"a="x\n  y\n""#);
    assert_eq!(shown("a = <<-EOF\n  x\n    EOF\n"), r#"a="  x\n""#);
    assert_eq!(shown("a = <<EOF\r\nx\r\nEOF\r\n"), r#"a="x\r\n""#);
    assert_eq!(shown("a = <<E\nEOF\nE\n"), r#"a="EOF\n""#);
}

#[test]
fn json_is_read_in_its_place_and_keeps_keys_that_come_twice() {
    assert_eq!(
        shown(r#" {"path": {"a/*": {"capabilities": ["read"], "n": 5, "f": 1.5, "z": null}, "a/*": {}}}"#),
        r#"path={a/*={capabilities=["read"];n=5;f=1.5;z=null};a/*={}}"#
    );
}

#[test]
fn errors_say_where() {
    for (text, wanted) in [
        ("a", "At 1:2: expected '=' or '{' after the key, found the end of the text"),
        ("a = ", "At 1:5: expected a value, found the end of the text"),
        ("a = \"x", "At 1:5: literal not terminated"),
        ("a = \"x\ny\"", "At 1:5: literal not terminated"),
        ("a = 1\n  b c = 2", "At 2:7: expected '{' after several keys, found '='"),
        ("a {\n", "At 2:1: expected '}', found the end of the text"),
        ("a = 1 }", "At 1:7: expected a key, found '}'"),
        ("= 1", "At 1:1: expected a key, found '='"),
        ("a = {{}}", "At 1:6: expected a key, found '{'"),
        ("a = [1 2]", "At 1:8: expected ',' or ']' in the list, found a number"),
        ("a = [1", "At 1:7: expected ',' or ']' in the list, found the end of the text"),
        ("true = 1", "At 1:1: expected a key, found a boolean"),
        ("é = \"\\q\"", "At 1:5: illegal char escape"),
        ("a = \"\\xff\"", "At 1:5: escapes make a text that is no UTF-8"),
        ("a = 09", "At 1:5: illegal number"),
        ("a = 5m", "At 1:5: illegal number"),
        ("a = 99999999999999999999", "At 1:5: illegal number"),
        ("a = <<EOF\nx\n", "At 1:5: heredoc not terminated"),
        ("a = <EOF\nx\n", "At 1:5: heredoc expected second '<', didn't see it"),
        ("a = <<\nx\n", "At 1:5: zero-length heredoc anchor"),
        ("/* a", "At 1:1: comment not terminated"),
        ("a / b", "At 1:3: expected '/' for comment"),
        ("a ; b", "At 1:3: illegal char"),
        ("a \0", "At 1:3: unexpected null character (0x00)"),
        ("{\"a\": 1", "At 1:7: EOF while parsing an object"),
        ("{\n\"a\" 1}", "At 2:5: expected `:`"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), wanted, "{text:?}");
    }
}

#[test]
fn size_and_depth_are_bounded_from_both_sides() {
    let nested = |depth: usize| format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX)).is_ok());
    assert!(parse(&nested(DEPTH_MAX + 1)).is_err());
    let blocks = |depth: usize| format!("{}{}", "a {".repeat(depth), "}".repeat(depth));
    assert!(parse(&blocks(DEPTH_MAX)).is_ok());
    assert!(parse(&blocks(100_000)).is_err());
    assert!(parse(&format!("{{\"a\":{}", "[".repeat(100_000))).is_err());
    assert!(parse(&"#".repeat(TEXT_MAX)).is_ok());
    assert!(parse(&"#".repeat(TEXT_MAX + 1)).is_err());
}

#[test]
fn a_long_text_takes_no_longer_than_its_length_warrants() {
    let many = "a = 1e \"b\" {} # c\n".repeat(30_000);
    let started = std::time::Instant::now();
    assert!(parse(&many.replace("1e", "1e1")).is_ok());
    assert!(parse(&many).is_err());
    assert!(started.elapsed().as_secs() < 5);
}

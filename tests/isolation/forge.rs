//! Makes components of strangers: honest ones, and such as no toolchain would make.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where what a component says of itself lies in its memory.
const SAID: u32 = 65_536;
/// Zeros: what every export answers with that answers that all is well.
const ZEROS: u32 = 1024;

/// What a component says of itself.
#[derive(Clone)]
pub struct Said {
    pub name: String,
    pub version: String,
    pub about: String,
    pub routes: Vec<Route>,
}

/// A route with one action, or with so many of the same.
#[derive(Clone)]
pub struct Route {
    pub template: String,
    pub about: String,
    pub actions: usize,
    pub operation: u8,
    pub action_about: String,
    pub fields: Vec<(String, String, Option<String>)>,
    pub headers: Vec<String>,
}

/// The number of `update` in the contract.
pub const UPDATE: u8 = 3;
/// The number of `create` in the contract.
pub const CREATE: u8 = 2;

impl Default for Route {
    fn default() -> Self {
        let (template, about) = ("ping".to_owned(), "Answers.".to_owned());
        let action_about = about.clone();
        Self { template, about, actions: 1, operation: UPDATE, action_about, fields: vec![], headers: vec![] }
    }
}

impl Default for Said {
    fn default() -> Self {
        let routes = vec![Route::default()];
        Self { name: "forged".into(), version: "1.0.0".into(), about: "Was forged.".into(), routes }
    }
}

/// A component before it is made. What is text is the text of a core module.
pub struct Forged {
    pub said: Said,
    /// What stands before all else: imports.
    pub imports: String,
    /// The body of `describe`; none: answers `said`.
    pub describe: Option<String>,
    /// The body of `handle`; none: answers with nothing.
    pub handle: Option<String>,
    /// What else is in the module.
    pub more: String,
    /// Whether the interfaces of WASI are in its world.
    pub wasi: bool,
    /// Pages of memory beside what it needs.
    pub pages: u32,
}

impl Default for Forged {
    fn default() -> Self {
        let (said, text) = (Said::default(), String::new());
        Self { said, imports: text.clone(), describe: None, handle: None, more: text, wasi: false, pages: 4 }
    }
}

/// Memory that is laid out from [`SAID`] on.
struct Image(Vec<u8>);

impl Image {
    /// Room for so many bytes, and where it is.
    fn room(&mut self, bytes: usize) -> usize {
        let at = self.0.len().next_multiple_of(8);
        self.0.resize(at + bytes, 0);
        at
    }

    fn number(&mut self, at: usize, number: usize) {
        self.0[at..at + 4].copy_from_slice(&u32::try_from(number).unwrap().to_le_bytes());
    }

    /// A list that lies at `place`, named at `at`.
    fn list(&mut self, at: usize, place: usize, length: usize) {
        self.number(at, SAID as usize + place);
        self.number(at + 4, length);
    }

    fn text(&mut self, at: usize, text: &str) {
        let place = self.room(text.len());
        self.0[place..place + text.len()].copy_from_slice(text.as_bytes());
        self.list(at, place, text.len());
    }
}

impl Said {
    /// As the canonical ABI lays it out.
    fn laid_out(&self) -> Vec<u8> {
        let mut image = Image(Vec::new());
        let descriptor = image.room(40);
        for (at, text) in [(4, &self.name), (12, &self.version), (20, &self.about)] {
            image.text(descriptor + at, text);
        }
        let routes = image.room(24 * self.routes.len());
        image.list(descriptor + 28, routes, self.routes.len());
        for (number, route) in self.routes.iter().enumerate() {
            route.lay_out(&mut image, routes + 24 * number);
        }
        image.0
    }
}

impl Route {
    fn lay_out(&self, image: &mut Image, at: usize) {
        image.text(at, &self.template);
        image.text(at + 8, &self.about);
        let actions = image.room(32 * self.actions);
        image.list(at + 16, actions, self.actions);
        for action in (0..self.actions).map(|number| actions + 32 * number) {
            image.0[action] = self.operation;
            image.text(action + 4, &self.action_about);
            let fields = image.room(36 * self.fields.len());
            image.list(action + 16, fields, self.fields.len());
            for (number, (name, about, default)) in self.fields.iter().enumerate() {
                let field = fields + 36 * number;
                image.text(field, name);
                image.text(field + 12, about);
                if let Some(default) = default {
                    image.0[field + 24] = 1;
                    image.text(field + 28, default);
                }
            }
            let headers = image.room(8 * self.headers.len());
            image.list(action + 24, headers, self.headers.len());
            for (number, name) in self.headers.iter().enumerate() {
                image.text(headers + 8 * number, name);
            }
        }
    }
}

/// The parameters of a context, each by itself.
const CONTEXT: &str = "i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i64";

impl Forged {
    /// The text of its core module.
    fn module(&self) -> String {
        let image = self.said.laid_out();
        let heap = (SAID as usize + image.len()).next_multiple_of(65_536);
        let pages = heap / 65_536 + self.pages as usize;
        let data = image.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\{byte:02x}");
            text
        });
        let describe = self.describe.clone().unwrap_or_else(|| format!("i32.const {SAID}"));
        let handle = self.handle.clone().unwrap_or_else(|| format!("i32.const {ZEROS}"));
        let (imports, more) = (&self.imports, &self.more);
        let export = |name: &str, signature: &str, body: &str| {
            format!("(func (export \"innkeeper:engine/engine@0.1.0#{name}\") {signature} (result i32) {body})\n")
        };
        let zeros = format!("i32.const {ZEROS}");
        let exports = [
            export("describe", "", &describe),
            export("handle", "(param i32)", &handle),
            export("exists", "(param i32)", &zeros),
            export("tick", &format!("(param {CONTEXT})"), &zeros),
            export("revoke", "(param i32)", &zeros),
            export("renew", "(param i32)", &zeros),
            // It has so many words that they come by a pointer.
            export("renew-token", "(param i32)", &zeros),
        ]
        .concat();
        format!(
            r#"(module {imports}
            (memory (export "memory") {pages})
            (global $heap (mut i32) (i32.const {heap}))
            (data (i32.const {SAID}) "{data}")
            (func $allocate (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
                (global.set $heap (i32.add (local.get $at) (local.get 3)))
                local.get $at)
            {exports} {more})"#
        )
    }

    /// The component.
    pub fn make(&self) -> Vec<u8> {
        let mut module = wat(&self.module());
        let mut resolve = Resolve::default();
        let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        resolve.push_dir(contract).expect("the contract");
        let world = if self.wasi {
            format!("{WASI} world forged {{ {WASI_IMPORTS} {WORLD} }}")
        } else {
            format!("package test:forged; world forged {{ {WORLD} }}")
        };
        let package = resolve.push_str("forged.wit", &world).expect("a world");
        let world = resolve.select_world(&[package], Some("forged")).expect("the world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).expect("metadata");
        ComponentEncoder::default().module(&module).expect("a module").validate(true).encode().expect("a component")
    }
}

const WORLD: &str = "include innkeeper:engine/secrets-engine@0.1.0;";
const WASI_IMPORTS: &str = "import wasi:io/poll@0.2.0; import wasi:clocks/monotonic-clock@0.2.0; \
    import wasi:random/random@0.2.0; import wasi:cli/environment@0.2.0; import wasi:sockets/network@0.2.0; \
    import wasi:sockets/tcp@0.2.0; import wasi:sockets/tcp-create-socket@0.2.0;";
/// As much of WASI 0.2 as is asked for here.
const WASI: &str = "package test:forged;
    package wasi:io@0.2.0 { interface poll { resource pollable { ready: func() -> bool; block: func(); } } }
    package wasi:clocks@0.2.0 { interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        subscribe-duration: func(when: u64) -> pollable; } }
    package wasi:random@0.2.0 { interface random { get-random-bytes: func(len: u64) -> list<u8>; } }
    package wasi:cli@0.2.0 { interface environment { get-environment: func() -> list<tuple<string, string>>; } }
    package wasi:sockets@0.2.0 {
        interface network {
            enum error-code { unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout,
                concurrency-conflict, not-in-progress, would-block, invalid-state, new-socket-limit,
                address-not-bindable, address-in-use, remote-unreachable, connection-refused, connection-reset,
                connection-aborted, datagram-too-large, name-unresolvable, temporary-resolver-failure,
                permanent-resolver-failure }
            enum ip-address-family { ipv4, ipv6 }
        }
        interface tcp { resource tcp-socket; }
        interface tcp-create-socket {
            use network.{error-code, ip-address-family};
            use tcp.{tcp-socket};
            create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>; } }";

/// The bytes of a text in the format of WebAssembly.
pub fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A custom section of a component, before its other sections.
pub fn with_custom_section(component: &[u8], bytes: usize) -> Vec<u8> {
    let (head, rest) = component.split_at(8);
    let mut size = Vec::new();
    let mut left = bytes + 5;
    while left > 127 {
        size.push((left & 127) as u8 | 128);
        left >>= 7;
    }
    size.push(left as u8);
    let section = [&[0], size.as_slice(), b"\x04junk", &vec![b'x'; bytes]].concat();
    [head, &section, rest].concat()
}

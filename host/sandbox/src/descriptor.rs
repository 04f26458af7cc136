//! What a guest says of itself, checked.

use http::HeaderName;
use matchit::Router;
use model::{MountClass, Operation};

use crate::bindings::exports::innkeeper::engine::engine as wit;
use crate::error::LoadError;
use crate::limits::{
    ABOUT_MAX, ACTIONS_MAX, CAPTURES_MAX, FIELDS_MAX, HEADER_NAME_MAX, HEADERS_MAX, ROUTES_MAX, TEMPLATE_MAX,
};
use crate::services::convert;

pub use crate::bindings::exports::innkeeper::engine::engine::FieldKind;

/// A guest's name, version and routes.
pub struct Descriptor {
    /// What it can be mounted as.
    pub class: MountClass,
    /// The mount type.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// One or two sentences.
    pub about: String,
    /// In the guest's order: requests carry the index.
    pub routes: Vec<Route>,
    /// Whether it wants `tick`.
    pub wants_tick: bool,
    router: Router<usize>,
}

/// A path below the mount.
pub struct Route {
    /// Segments, `{name}` and `{*name}`.
    pub template: String,
    /// One sentence.
    pub about: String,
    /// One per operation.
    pub actions: Vec<Action>,
}

/// What one operation does and needs.
pub struct Action {
    /// POST and PUT are [`Operation::Update`].
    pub operation: Operation,
    /// One sentence.
    pub about: String,
    /// Answered without a token.
    pub unauthenticated: bool,
    /// Needs `sudo`.
    pub sudo: bool,
    /// Whether the guest decides between create and update.
    pub existence_check: bool,
    /// Takes the body as it came.
    pub raw_body: bool,
    /// The fields of the body.
    pub fields: Vec<Field>,
    /// Response headers that it may set, in lower case.
    pub response_headers: Vec<String>,
}

/// One field of a body.
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub kind: FieldKind,
    /// What it is for.
    pub about: String,
    /// Whether it must be sent.
    pub required: bool,
    /// Its default, as text.
    pub default: Option<String>,
}

/// A route that a path matched.
pub struct Matched {
    /// Its index in the descriptor.
    pub index: usize,
    /// Captured parts of the path.
    pub captures: Vec<(String, String)>,
}

impl Descriptor {
    /// The route that a path below the mount matches. Paths come without a leading or trailing `/`.
    pub fn find(&self, path: &str) -> Option<Matched> {
        let found = self.router.at(path).ok()?;
        let captures = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Matched { index: *found.value, captures })
    }

    pub(crate) fn check(raw: wit::Descriptor) -> Result<Self, LoadError> {
        check_title(&raw.name, &raw.version, &raw.about)?;
        refuse_unless(raw.routes.len() <= ROUTES_MAX, "routes: at most 512")?;
        let mut router = Router::new();
        let mut routes = Vec::with_capacity(raw.routes.len());
        for (index, route) in raw.routes.into_iter().enumerate() {
            let route = check_route(route)?;
            let clash = |e| LoadError::descriptor(&format!("route {:?}: {e}", route.template));
            router.insert(route.template.clone(), index).map_err(clash)?;
            routes.push(route);
        }
        let class = match raw.kind {
            wit::GuestKind::SecretsEngine => MountClass::Secret,
            wit::GuestKind::AuthMethod => MountClass::Auth,
        };
        let (name, version, about) = (raw.name, raw.version, raw.about);
        Ok(Self { class, name, version, about, routes, wants_tick: raw.wants_tick, router })
    }
}

/// What every guest says of itself: a name, a version, and what it is for.
pub(crate) fn check_title(name: &str, version: &str, about: &str) -> Result<(), LoadError> {
    let name_ok = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    refuse_unless(name_ok, "name: must be [a-z][a-z0-9-]{0,62}")?;
    let version_ok = version.len() <= 64 && semver::Version::parse(version).is_ok();
    refuse_unless(version_ok, "version: must be a semantic version of at most 64 bytes, as 1.2.3")?;
    refuse_unless(explains(about), "about: at most 2048 bytes without control characters")
}

impl Route {
    /// The action for an operation; create and update share one.
    pub fn action(&self, operation: Operation) -> Option<&Action> {
        let wanted = if operation == Operation::Create { Operation::Update } else { operation };
        self.actions.iter().find(|action| action.operation == wanted)
    }
}

fn check_route(raw: wit::Route) -> Result<Route, LoadError> {
    let template = raw.template;
    refuse_unless(template.len() <= TEMPLATE_MAX, "a template has more than 256 bytes")?;
    refuse_unless(!template.starts_with('/') && !template.ends_with('/'), "a template begins or ends with '/'")?;
    refuse_unless(template.matches('{').count() <= CAPTURES_MAX, "a template has more than 8 captures")?;
    refuse_unless(plain(&template), "a template has control characters")?;
    refuse_unless(explains(&raw.about), "about of a route: at most 2048 bytes without control characters")?;
    let actions = raw.actions.into_iter().take(ACTIONS_MAX + 1).map(check_action).collect::<Result<Vec<_>, _>>()?;
    let once = |(at, action): (usize, &Action)| actions[..at].iter().all(|other| other.operation != action.operation);
    refuse_unless(actions.iter().enumerate().all(once), "a route has more than one action per operation")?;
    Ok(Route { template, about: raw.about, actions })
}

fn check_action(raw: wit::Action) -> Result<Action, LoadError> {
    let operation = convert::operation_from(raw.operation);
    refuse_unless(operation != Operation::Create, "an action is declared as create: declare update")?;
    refuse_unless(explains(&raw.about), "about of an action: at most 2048 bytes without control characters")?;
    refuse_unless(raw.fields.len() <= FIELDS_MAX, "an action has more than 128 fields")?;
    refuse_unless(raw.response_headers.len() <= HEADERS_MAX, "an action declares more than 16 response headers")?;
    let name_ok = |name: &String| name.len() <= HEADER_NAME_MAX && HeaderName::from_bytes(name.as_bytes()).is_ok();
    refuse_unless(raw.response_headers.iter().all(name_ok), "a declared response header is no name of a header")?;
    let existence_ok = !raw.existence_check || operation == Operation::Update;
    refuse_unless(existence_ok, "an existence check is only for update")?;
    let fields = raw.fields.into_iter().map(check_field).collect::<Result<_, _>>()?;
    Ok(Action {
        operation,
        about: raw.about,
        unauthenticated: raw.unauthenticated,
        sudo: raw.sudo,
        existence_check: raw.existence_check,
        raw_body: raw.raw_body,
        fields,
        response_headers: raw.response_headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
    })
}

fn check_field(raw: wit::Field) -> Result<Field, LoadError> {
    let name_ok = !raw.name.is_empty() && raw.name.len() <= 128 && plain(&raw.name);
    refuse_unless(name_ok, "a field's name must have 1 to 128 bytes without control characters")?;
    refuse_unless(explains(&raw.about), "about of a field: at most 2048 bytes without control characters")?;
    let default_ok = raw.default.as_ref().is_none_or(|default| default.len() <= 256 && plain(default));
    refuse_unless(default_ok, "default of a field: at most 256 bytes without control characters")?;
    Ok(Field { name: raw.name, kind: raw.kind, about: raw.about, required: raw.required, default: raw.default })
}

/// An explanation is shown in help texts and OpenAPI, and may have lines; nothing else that a terminal would obey.
fn explains(text: &str) -> bool {
    text.len() <= ABOUT_MAX && text.chars().all(|c| c == '\n' || !c.is_control())
}

fn plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn refuse_unless(fine: bool, why: &str) -> Result<(), LoadError> {
    if fine { Ok(()) } else { Err(LoadError::descriptor(why)) }
}

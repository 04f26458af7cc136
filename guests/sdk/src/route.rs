//! Routes: which paths an engine answers, and with which functions.

use crate::body::Field;
use crate::{Answer, Fault, FaultKind, Operation, Request};

/// A function that answers one action.
pub type Handler = fn(&Request) -> Answer;

/// A function that says whether what a request writes to is already there.
pub type Existence = fn(&Request) -> Result<bool, Fault>;

/// A path below the mount and what can be done there.
pub struct Route {
    pub(crate) template: &'static str,
    pub(crate) about: &'static str,
    pub(crate) actions: &'static [Action],
}

impl Route {
    /// A route. In the template `{name}` captures one segment and a last `{*name}` the rest; a literal segment wins
    /// over a capture. The empty template is the mount itself.
    pub const fn new(template: &'static str, about: &'static str, actions: &'static [Action]) -> Self {
        Self { template, about, actions }
    }

    /// The path below the mount.
    pub const fn template(&self) -> &'static str {
        self.template
    }

    /// Answers a request as the host has it answered, for unit tests: with the action for its operation.
    pub fn answer(&self, request: &Request) -> Answer {
        let wanted = match request.operation() {
            Operation::Create => Operation::Update,
            operation => operation,
        };
        let action = self.actions.iter().find(|action| action.operation == wanted);
        let unsupported = || Fault::new(FaultKind::UnsupportedOperation, "unsupported operation");
        (action.ok_or_else(unsupported)?.handler)(request)
    }
}

/// What one operation does and needs.
#[derive(Clone, Copy)]
pub struct Action {
    pub(crate) operation: Operation,
    pub(crate) about: &'static str,
    pub(crate) handler: Handler,
    pub(crate) fields: &'static [Field],
    pub(crate) exists: Option<Existence>,
    pub(crate) unauthenticated: bool,
    pub(crate) sudo: bool,
    pub(crate) raw_body: bool,
    pub(crate) response_headers: &'static [&'static str],
}

impl Action {
    /// Answers GET.
    pub const fn read(about: &'static str, handler: Handler) -> Self {
        Self::new(Operation::Read, about, handler)
    }

    /// Answers LIST.
    pub const fn list(about: &'static str, handler: Handler) -> Self {
        Self::new(Operation::List, about, handler)
    }

    /// Answers POST and PUT.
    pub const fn update(about: &'static str, handler: Handler) -> Self {
        Self::new(Operation::Update, about, handler)
    }

    /// Answers PATCH.
    pub const fn patch(about: &'static str, handler: Handler) -> Self {
        Self::new(Operation::Patch, about, handler)
    }

    /// Answers DELETE.
    pub const fn delete(about: &'static str, handler: Handler) -> Self {
        Self::new(Operation::Delete, about, handler)
    }

    const fn new(operation: Operation, about: &'static str, handler: Handler) -> Self {
        Self {
            operation,
            about,
            handler,
            fields: &[],
            exists: None,
            unauthenticated: false,
            sudo: false,
            raw_body: false,
            response_headers: &[],
        }
    }

    /// Describes the body, for help texts and OpenAPI: the `FIELDS` of a type made by [`crate::body!`]. Clients are warned of
    /// names that no action of the route describes, so describe all fields, or none where any name may mean something.
    #[must_use]
    pub const fn fields(mut self, fields: &'static [Field]) -> Self {
        self.fields = fields;
        self
    }

    /// Lets the host decide between create and update by asking this function first.
    #[must_use]
    pub const fn create_unless(mut self, exists: Existence) -> Self {
        self.exists = Some(exists);
        self
    }

    /// Answers without a token.
    #[must_use]
    pub const fn unauthenticated(mut self) -> Self {
        self.unauthenticated = true;
        self
    }

    /// Needs `sudo` on the path.
    #[must_use]
    pub const fn sudo(mut self) -> Self {
        self.sudo = true;
        self
    }

    /// Takes the body as it came instead of JSON: see [`Request::raw`].
    #[must_use]
    pub const fn raw_body(mut self) -> Self {
        self.raw_body = true;
        self
    }

    /// Names the response headers that this action may set.
    #[must_use]
    pub const fn response_headers(mut self, names: &'static [&'static str]) -> Self {
        self.response_headers = names;
        self
    }
}

//! Promise: only an auth method makes tokens: what a secrets engine calls a login is an error and gives nothing out.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "forged-login",
    "Answers with a login.",
    &[Action::update("Answers with a login.", run), Action::read("The same without a token.", run).unauthenticated()],
)];

fn run(_request: &Request) -> Answer {
    Ok(Response::auth(Auth::new("intruder", vec!["admin".to_owned()], TokenWishes::default())))
}

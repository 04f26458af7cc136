//! Promise: an operation that a route does not declare is refused by the host; the guest is not asked.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new("no-such-action", "Can do nothing.", &[])];

//! Where a request goes: to version 2's meaning of its place, or to the plain path that the place is in version 1.

use innkeeper_guest::prelude::*;

use crate::v1;

/// A place in the tree of version 2 mounts, and what it answers there. What it does not say is unsupported.
pub(crate) trait Place {
    /// The literal beginning of its route, without slashes at the ends.
    const PREFIX: &'static str;

    /// Answers GET.
    fn read(_request: &Request) -> Answer {
        Err(unsupported())
    }

    /// Answers LIST.
    fn list(_request: &Request) -> Answer {
        Err(unsupported())
    }

    /// Answers POST and PUT.
    fn update(_request: &Request) -> Answer {
        Err(unsupported())
    }

    /// Answers PATCH.
    fn patch(_request: &Request) -> Answer {
        Err(unsupported())
    }

    /// Answers DELETE.
    fn delete(_request: &Request) -> Answer {
        Err(unsupported())
    }

    /// Whether a write here is an update rather than a creation.
    fn exists(_request: &Request) -> Result<bool, Fault> {
        Ok(true)
    }
}

/// How a mount keeps its secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Plain,
    Versioned,
}

/// GET of a place.
pub(crate) const fn reads<P: Place>(about: &'static str) -> Action {
    Action::read(about, |request| match layout(request)? {
        Layout::Plain => v1::read(&plain::<P>(request)),
        Layout::Versioned => P::read(request),
    })
}

/// LIST of a place.
pub(crate) const fn lists<P: Place>(about: &'static str) -> Action {
    Action::list(about, |request| match layout(request)? {
        Layout::Plain => v1::list(&plain::<P>(request)),
        Layout::Versioned => P::list(request),
    })
}

/// POST and PUT to a place.
pub(crate) const fn updates<P: Place>(about: &'static str) -> Action {
    let action = Action::update(about, |request| match layout(request)? {
        Layout::Plain => v1::write(&plain::<P>(request), request),
        Layout::Versioned => P::update(request),
    });
    action.create_unless(|request| match layout(request)? {
        Layout::Plain => v1::exists(&plain::<P>(request)),
        Layout::Versioned => P::exists(request),
    })
}

/// PATCH of a place. Version 1 cannot.
pub(crate) const fn patches<P: Place>(about: &'static str) -> Action {
    Action::patch(about, |request| match layout(request)? {
        Layout::Plain => Err(unsupported()),
        Layout::Versioned => P::patch(request),
    })
}

/// DELETE of a place.
pub(crate) const fn deletes<P: Place>(about: &'static str) -> Action {
    Action::delete(about, |request| match layout(request)? {
        Layout::Plain => v1::delete(&plain::<P>(request)),
        Layout::Versioned => P::delete(request),
    })
}

fn unsupported() -> Fault {
    Fault::new(FaultKind::UnsupportedOperation, "unsupported operation")
}

fn layout(request: &Request) -> Result<Layout, Fault> {
    layout_of(request.mount().option("version"))
}

fn layout_of(option: Option<&str>) -> Result<Layout, Fault> {
    match option {
        None | Some("" | "1") => Ok(Layout::Plain),
        Some("2") => Ok(Layout::Versioned),
        Some(_) => Err(Fault::invalid("the mount's option version must be 1 or 2")),
    }
}

/// The path of a request as version 1 sees it.
fn plain<P: Place>(request: &Request) -> String {
    let parts = [P::PREFIX, request.capture("path")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v2::{data::Data, stray::Stray};

    #[test]
    fn the_option_version_decides_and_nonsense_is_refused() {
        for (option, layout) in [
            (None, Layout::Plain),
            (Some(""), Layout::Plain),
            (Some("1"), Layout::Plain),
            (Some("2"), Layout::Versioned),
        ] {
            assert_eq!(layout_of(option), Ok(layout));
        }
        assert!(layout_of(Some("3")).is_err());
    }

    #[test]
    fn in_version_1_the_places_of_version_2_are_paths_like_any_other() {
        assert_eq!(plain::<Data>(&Request::for_test(&[("path", "a/b")], &json!({}))), "data/a/b");
        assert_eq!(plain::<Data>(&Request::for_test(&[], &json!({}))), "data");
        assert_eq!(plain::<Stray>(&Request::for_test(&[("path", "a/b")], &json!({}))), "a/b");
    }
}

//! Listings: names below a prefix, folders, pages.

use storage::Driver;

use crate::{page, write};

const KEYS: [&str; 10] =
    ["p/a", "p/a/x", "p/a/y/z", "p/a/\u{10ffff}z", "p/a-b", "p/b/x", "p/c", "p/d/1/2/3", "p/d/4", "p/\u{10ffff}"];
const NAMES: [&str; 7] = ["a", "a-b", "a/", "b/", "c", "d/", "\u{10ffff}"];

async fn filled(driver: &impl Driver) {
    for key in KEYS {
        write(driver, &[(key, Some("x"))]).await;
    }
}

pub(crate) async fn folders_are_named_once_and_not_walked(driver: impl Driver) {
    filled(&driver).await;
    let whole = page(&driver, "p/", None, 100).await;
    assert_eq!((whole.names, whole.more), (NAMES.map(str::to_owned).to_vec(), false));
    assert_eq!(page(&driver, "p/d/", None, 100).await.names, ["1/", "4"]);
    assert_eq!(page(&driver, "p/a/", None, 100).await.names, ["x", "y/", "\u{10ffff}z"]);
    assert!(page(&driver, "p/c/", None, 100).await.names.is_empty());
    assert!(page(&driver, "nothing/", None, 100).await.names.is_empty());
}

pub(crate) async fn names_come_in_byte_order(driver: impl Driver) {
    for key in ["p/é", "p/z", "p/Z", "p/~", "p/ ", "p/10", "p/9", "p/日本"] {
        write(&driver, &[(key, Some("x"))]).await;
    }
    let names = page(&driver, "p/", None, 100).await.names;
    assert_eq!(names, [" ", "10", "9", "Z", "z", "~", "é", "日本"]);
}

pub(crate) async fn after_may_name_anything(driver: impl Driver) {
    filled(&driver).await;
    for (after, names) in [
        ("a", &NAMES[1..]),
        ("a-b", &NAMES[2..]),
        ("a/", &NAMES[3..]),
        ("aa", &NAMES[3..]),
        ("b/", &NAMES[4..]),
        ("d/", &NAMES[6..]),
        ("\u{10ffff}", &[]),
    ] {
        assert_eq!(page(&driver, "p/", Some(after), 100).await.names, names, "after {after:?}");
    }
}

pub(crate) async fn every_page_size_gives_the_same_names(driver: impl Driver) {
    filled(&driver).await;
    for limit in 1..=NAMES.len() + 1 {
        let (mut names, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let found = page(&driver, "p/", after.as_deref(), limit).await;
            assert!(found.names.len() <= limit);
            names.extend(found.names);
            after = names.last().cloned();
            if !found.more {
                break;
            }
        }
        assert_eq!(names, NAMES, "pages of {limit}");
    }
}

pub(crate) async fn neighbours_of_a_prefix_are_not_below_it(driver: impl Driver) {
    write(&driver, &[("p", Some("x")), ("p-", Some("x")), ("p0", Some("x")), ("pp/a", Some("x")), ("p/b", Some("x"))])
        .await;
    assert_eq!(page(&driver, "p/", None, 100).await.names, ["b"]);
}

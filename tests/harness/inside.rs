//! A server inside this process, for guests that the product does not bring: everything but `main` is as in the binary.

use std::sync::{Arc, mpsc};

use secrecy::SecretString;
use server::compose::compose;
use server::config::{Config, Library, Listener};
use server::listener::{Door, serve};
use storage::memory::Memory;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::{ROOT, log};

/// Dropping it stops the server.
pub(crate) type Stop = watch::Sender<bool>;

/// Starts a server on a free port. Answers where it listens.
pub(crate) fn start(guests: &'static [&'static [u8]]) -> (String, Stop) {
    log::keep();
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = watch::channel(false);
    std::thread::spawn(move || {
        let runtime = server::runtime::build().expect("a runtime");
        runtime.block_on(async {
            let config = Config { libraries: vec![unreachable()], ..Config::default() };
            let house = compose(&config, Arc::new(Memory::new()), guests).await.expect("a house");
            house.gateway.develop(Some(SecretString::from(ROOT))).await.expect("an open house");
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            tell.send(listener.local_addr().expect("an address")).expect("the test waits for the address");
            let door = Door::new(listener, None, &Listener::plain(""));
            serve(door, Arc::clone(&house.gateway), stopped).await;
        });
    });
    let address = told.recv().expect("the server starts");
    (format!("http://{address}"), stop)
}

/// A PKCS#11 library that is not there: keys can be registered and refused with it, but never used.
fn unreachable() -> Library {
    Library { name: "hsm".into(), path: "/nowhere/library.so".into(), namespaces: None }
}

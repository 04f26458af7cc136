//! A server inside this process, for guests that the product does not bring: everything but `main` is as in the binary.

use std::sync::{Arc, mpsc};

use secrecy::SecretString;
use server::compose::compose;
use server::config::{Config, Library, Listener, Process, Settings};
use server::listener::{Door, serve};
use storage::Driver;
use storage::memory::Memory;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::{ROOT, log};

/// Dropping it stops the server.
pub(crate) type Stop = watch::Sender<bool>;

/// Starts a server on a free port. Answers where it listens.
pub(crate) fn start(guests: &'static [&'static [u8]]) -> (String, Stop) {
    let (mut addresses, stop) = start_nodes(guests, 1);
    (addresses.remove(0), stop)
}

/// Starts so many nodes over one store. Answers where they listen.
pub(crate) fn start_nodes(guests: &'static [&'static [u8]], nodes: usize) -> (Vec<String>, Stop) {
    log::keep();
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = watch::channel(false);
    std::thread::spawn(move || {
        let runtime = server::runtime::build().expect("a runtime");
        runtime.block_on(async {
            let config = Config { libraries: vec![unreachable()], ..Config::default() };
            let below: Arc<dyn Driver> = Arc::new(Memory::new());
            let (mut serving, mut houses, mut share) = (Vec::new(), Vec::new(), None);
            for _ in 0..nodes {
                let house = compose(&config, Arc::clone(&below), guests).await.expect("a house");
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = format!("http://{}", listener.local_addr().expect("an address"));
                let door = Door::new(listener, None, &Listener::plain(""));
                serving.push(tokio::spawn(serve(door, Arc::clone(&house.gateway), stopped.clone())));
                match &share {
                    None => {
                        let founded =
                            house.gateway.develop(Some(SecretString::from(ROOT))).await.expect("an open house");
                        share = Some(founded.shares[0].hex());
                    }
                    Some(share) => {
                        let (to, body) = (address.clone(), format!(r#"{{"key":"{}"}}"#, share.as_str()).into_bytes());
                        let unsealed =
                            move || crate::ask(&to, "PUT", "sys/unseal", &[], body).expect("an answer").status;
                        assert_eq!(tokio::task::spawn_blocking(unsealed).await.expect("a request"), 200);
                    }
                }
                tell.send(address).expect("the test waits for the address");
                houses.push(house);
            }
            for door in serving {
                let _ = door.await;
            }
        });
    });
    let addresses = (0..nodes).map(|_| told.recv().expect("the server starts")).collect();
    (addresses, stop)
}

/// A PKCS#11 library that is not there: keys can be registered and refused with it, but never used.
fn unreachable() -> Library {
    // In this process: a test's binary is no worker.
    let settings = Settings { process: Process::InProcess, ..Settings::default() };
    Library { name: "hsm".into(), path: "/nowhere/library.so".into(), namespaces: None, settings }
}

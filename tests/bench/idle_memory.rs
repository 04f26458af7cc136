//! Resident memory of a server at rest: fresh, and after it has served some.

use std::time::Duration;

use crate::client::{Client, load, request, server};
use crate::measure::memory;

const REST: Duration = Duration::from_secs(1);

pub(crate) fn run() {
    let server = server();
    assert_eq!(Client::new(&server).send(&request("POST", "sys/mounts/echo", r#"{"type":"echo"}"#)), 204);
    std::thread::sleep(REST);
    let mebibytes = |field| memory(server.pid(), field) as f64 / 1024.0;
    println!("       fresh: {:6.1} MiB resident, {:.1} MiB of it anonymous", mebibytes("VmRSS"), mebibytes("RssAnon"));
    load(&server, 64, &request("GET", "echo/say", ""), Duration::from_secs(3));
    std::thread::sleep(REST);
    println!("   after load: {:5.1} MiB resident, {:.1} MiB of it anonymous", mebibytes("VmRSS"), mebibytes("RssAnon"));
    println!("      target: at most 64 MiB");
}

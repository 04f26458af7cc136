//! A TPM in software (swtpm), a resource manager before it, and tpm2-pkcs11's token in it, all of one test's own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::openssl::{Folder, tempdir};
use crate::softhsm::PIN;

/// The library, where Debian has it.
pub const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so";
/// Longest wait for a program to be ready.
const START: Duration = Duration::from_secs(20);
/// How often a pair of ports is sought.
const TRIES: u32 = 20;

/// A TPM that runs. It ends with the value.
pub struct Tpm {
    /// The TPM, the bus, and the resource manager on it: a TPM has room for three objects, and a library that crashes
    /// leaves its own there.
    children: Vec<Child>,
    folder: Folder,
    bus: String,
}

impl Drop for Tpm {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Tpm {
    /// Starts one, with a token of this label.
    pub fn start(label: &str) -> Self {
        let folder = tempdir();
        for name in ["state", "store"] {
            std::fs::create_dir(folder.0.join(name)).unwrap();
        }
        let state = folder.0.join("state").display().to_string();
        done(Command::new("swtpm_setup").args(["--tpm2", "--overwrite", "--tpmstate", &state]));
        let mut tpm = Self { children: Vec::new(), folder, bus: String::new() };
        let port = tpm.start_tpm(&state);
        let mut bus = Command::new("dbus-daemon");
        let mut bus = spawn(bus.args(["--session", "--nofork", "--print-address=1"]).stdout(Stdio::piped()));
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        address.trim().clone_into(&mut tpm.bus);
        tpm.children.push(bus);
        let mut manager = Command::new("tpm2-abrmd");
        manager.args(["--allow-root", "--session", &format!("--tcti=swtpm:host=127.0.0.1,port={port}")]);
        tpm.children.push(spawn(manager.envs(tpm.environment())));
        let until = Instant::now() + START;
        while !Command::new("tpm2_getcap")
            .arg("properties-fixed")
            .envs(tpm.environment())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
        {
            assert!(Instant::now() < until, "the TPM is not ready: run tests/setup/install");
            std::thread::sleep(Duration::from_millis(50));
        }
        done(Command::new("tpm2_ptool").arg("init").envs(tpm.environment()));
        let token =
            ["addtoken", "--pid=1", "--sopin=12345678", &format!("--label={label}"), &format!("--userpin={PIN}")];
        done(Command::new("tpm2_ptool").args(token).envs(tpm.environment()));
        tpm
    }

    /// Starts the TPM itself at two ports in a row, which is how its clients find the second.
    fn start_tpm(&mut self, state: &str) -> u16 {
        for _ in 0..TRIES {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let Some(control) = port.checked_add(1) else { continue };
            let at = |port: u16| format!("type=tcp,port={port},bindaddr=127.0.0.1");
            let mut tpm = Command::new("swtpm");
            tpm.args(["socket", "--tpm2", "--tpmstate", &format!("dir={state}"), "--server", &at(port)]);
            tpm.args(["--ctrl", &at(control), "--flags", "not-need-init,startup-clear"]);
            let mut child = spawn(&mut tpm);
            std::thread::sleep(Duration::from_millis(300));
            if child.try_wait().unwrap().is_none() {
                self.children.push(child);
                return port;
            }
        }
        panic!("swtpm finds no two ports in a row");
    }

    /// What a process needs in its environment to see this token.
    pub fn environment(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("DBUS_SESSION_BUS_ADDRESS".to_owned(), self.bus.clone()),
            ("TPM2_PKCS11_TCTI".to_owned(), "tabrmd:bus_type=session".to_owned()),
            ("TPM2TOOLS_TCTI".to_owned(), "tabrmd:bus_type=session".to_owned()),
            ("TPM2_PKCS11_STORE".to_owned(), self.folder.0.join("store").display().to_string()),
        ])
    }
}

fn spawn(command: &mut Command) -> Child {
    let spawned = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    spawned.unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/setup/install"))
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/setup/install"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

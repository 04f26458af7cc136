//! Where the programs of PostgreSQL are, and as whom they run.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with `initdb`, `postgres`, `psql` and `pg_dump`.
pub(crate) fn folder() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path).find(|folder| holds_all(folder)) {
        return found;
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |folder: &Path| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    installed
        .map(|entry| entry.path())
        .filter(|folder| holds_all(&folder.join("bin")))
        .max_by_key(|folder| number(folder))
        .map(|folder| folder.join("bin"))
        .expect("PostgreSQL is missing: install its server (Debian: postgresql), or run tests/setup/install")
}

fn holds_all(folder: &Path) -> bool {
    ["initdb", "postgres", "psql", "pg_dump"].iter().all(|program| folder.join(program).is_file())
}

/// Who runs the server: PostgreSQL refuses root, so root starts it as `postgres` or `nobody`.
#[derive(Clone, Copy)]
pub(crate) struct Runner(Option<(u32, u32)>);

impl Runner {
    pub(crate) fn find() -> Self {
        if output(Command::new("id").arg("-u")).trim() != "0" {
            return Self(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let find = |name: &str| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        Self(Some(find("postgres").or_else(|| find("nobody")).expect("a user that may run PostgreSQL")))
    }

    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Self(Some((user, group))) = self {
            command.uid(user).gid(group);
        }
        command
    }

    pub(crate) fn own(self, path: &Path) {
        if let Self(Some((user, group))) = self {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("a folder for the server's user");
        }
    }
}

/// Runs to the end and gives what was printed; panics if it failed.
pub(crate) fn output(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{} failed: {errors}", command.get_program().display());
    String::from_utf8_lossy(&done.stdout).into_owned()
}

//! `engine inspect`.

use std::io::Write;
use std::path::PathBuf;

use meter::Meter;
use model::{MountClass, Operation};
use sandbox::{Action, Loaded, Route, Sandbox};
use serde::Serialize;

use super::anatomy::Anatomy;
use super::component::{self, Component};
use super::{Error, block_on, powers, visible};

/// Shows what a component is.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// The component, or a module that one can be made of.
    pub file: PathBuf,
    /// How to print it.
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Inspect {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<bool, Error> {
        let component = component::read(&self.file)?;
        let report = Report::of(&self.file.display().to_string(), &component)?;
        match self.format {
            Format::Table => out.write_all(visible(&report.text()).as_bytes())?,
            Format::Json => {
                let text = serde_json::to_string_pretty(&report).map_err(|error| Error::Wrong(error.to_string()))?;
                writeln!(out, "{text}")?;
            }
        }
        if let Some(reason) = report.reason.as_ref().filter(|_| self.format == Format::Table) {
            eprintln!("innkeeper: this cannot be a guest: {}", visible(reason));
        }
        Ok(report.guest)
    }
}

/// All that is told of a component.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    /// Whether it can be a guest here.
    guest: bool,
    /// Why not.
    reason: Option<String>,
    size: usize,
    sha256: String,
    /// Whether the file is a module, and size and digest are those of the component that was made of it.
    made_of_a_module: bool,
    description: Option<Description>,
    powers: Vec<Power>,
    anatomy: Anatomy,
}

/// What it says of itself.
#[derive(Debug, Serialize)]
struct Description {
    kind: &'static str,
    name: String,
    version: String,
    about: String,
    wants_tick: bool,
    routes: Vec<Shown>,
}

/// An import, and what it means.
#[derive(Debug, Serialize)]
struct Power {
    import: String,
    meaning: String,
}

/// A route.
#[derive(Debug, Serialize)]
struct Shown {
    path: String,
    about: String,
    actions: Vec<ShownAction>,
}

#[derive(Debug, Serialize)]
struct ShownAction {
    method: &'static str,
    about: String,
    unauthenticated: bool,
    sudo: bool,
    fields: Vec<String>,
}

impl Report {
    fn of(file: &str, component: &Component) -> Result<Self, Error> {
        let bytes = &component.bytes;
        let unreadable = |error| Error::Wrong(format!("{file}: the component cannot be read: {error}"));
        let anatomy = Anatomy::of(bytes).map_err(unreadable)?;
        let loaded = block_on(async {
            let sandbox = Sandbox::new().map_err(|error| Error::Wrong(error.to_string()))?;
            Ok(sandbox.load(bytes, &Meter::default()).await)
        })?;
        let (description, reason) = match loaded {
            Ok(guest) => (Some(Description::of(&guest)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let power = |import: &String| Power { import: import.clone(), meaning: powers::meaning(import) };
        Ok(Self {
            file: file.to_owned(),
            guest: reason.is_none(),
            reason,
            size: bytes.len(),
            sha256: component::sha256(bytes),
            made_of_a_module: component.from_module,
            description,
            powers: anatomy.imports.iter().map(power).collect(),
            anatomy,
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(said) = &self.description {
            let tick = if said.wants_tick { " It is called about once a minute." } else { "" };
            text += &format!("{} {}, {}\n{}{tick}\n\n", said.name, said.version, kind_words(said.kind), said.about);
        }
        let made =
            if self.made_of_a_module { " (a module: size and digest are of the component made of it)" } else { "" };
        let mut rows = vec![
            ("File", format!("{}{made}", self.file)),
            ("Size", format!("{} bytes", self.size)),
            ("SHA-256", self.sha256.clone()),
            ("Inside", self.inside()),
        ];
        let tool = |tool: &super::anatomy::Tool| format!("{} {}", tool.name, tool.version).trim_end().to_owned();
        let tools: Vec<String> = self.anatomy.toolchain.iter().map(tool).collect();
        rows.push(("Made by", if tools.is_empty() { "it does not say".to_owned() } else { tools.join(", ") }));
        text += &columns(rows.into_iter().map(|(name, value)| [name.to_owned(), value]));
        text += "\nWhat it asks of the host, and what that means\n";
        text += &columns(self.powers.iter().map(|power| [format!("  {}", power.import), power.meaning.clone()]));
        text += "\nWhat it offers\n";
        self.anatomy.exports.iter().for_each(|export| text += &format!("  {export}\n"));
        if let Some(said) = &self.description {
            text += "\nRoutes below its mount\n";
            let row = |route: &Shown| [format!("  {}", route.title()), route.methods(), route.about.clone()];
            text += &columns(said.routes.iter().map(row));
        }
        text
    }

    fn inside(&self) -> String {
        let Anatomy { core_modules, core_instances, memories, .. } = &self.anatomy;
        let bytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let memory = |memory: &super::anatomy::Memory| match memory.maximum {
            Some(most) => format!("memory of {} that may grow to {}", bytes(memory.initial), bytes(most)),
            None => format!("memory of {} that may grow as far as its mount may", bytes(memory.initial)),
        };
        let memories: Vec<String> = memories.iter().map(memory).collect();
        format!("{core_modules} modules, {core_instances} instances in each request; {}", memories.join("; "))
    }
}

impl Description {
    fn of(loaded: &Loaded) -> Self {
        let said = match loaded {
            Loaded::Engine(guest) => &guest.descriptor,
            Loaded::Policy(guest) => {
                return Self {
                    kind: "policy",
                    name: guest.name.clone(),
                    version: guest.version.clone(),
                    about: guest.about.clone(),
                    wants_tick: false,
                    routes: Vec::new(),
                };
            }
        };
        let kind = match said.class {
            MountClass::Secret => "secrets-engine",
            MountClass::Auth => "auth-method",
        };
        Self {
            kind,
            name: said.name.clone(),
            version: said.version.clone(),
            about: said.about.clone(),
            wants_tick: said.wants_tick,
            routes: said.routes.iter().map(Shown::of).collect(),
        }
    }
}

impl Shown {
    fn of(route: &Route) -> Self {
        let action = |action: &Action| ShownAction {
            method: method(action.operation),
            about: action.about.clone(),
            unauthenticated: action.unauthenticated,
            sudo: action.sudo,
            fields: action.fields.iter().map(|field| field.name.clone()).collect(),
        };
        Self {
            path: route.template.clone(),
            about: route.about.clone(),
            actions: route.actions.iter().map(action).collect(),
        }
    }

    fn title(&self) -> &str {
        if self.path.is_empty() { "(the mount itself)" } else { &self.path }
    }

    fn methods(&self) -> String {
        let one = |action: &ShownAction| {
            let open = if action.unauthenticated { " (without a token)" } else { "" };
            let sudo = if action.sudo { " (with sudo)" } else { "" };
            format!("{}{open}{sudo}", action.method)
        };
        self.actions.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

fn kind_words(kind: &str) -> &'static str {
    match kind {
        "auth-method" => "an auth method",
        "policy" => "a language of policies",
        _ => "a secrets engine",
    }
}

fn method(operation: Operation) -> &'static str {
    match operation {
        Operation::Read => "GET",
        Operation::List => "LIST",
        Operation::Create | Operation::Update => "POST",
        Operation::Patch => "PATCH",
        Operation::Delete => "DELETE",
    }
}

/// Rows in aligned columns, two spaces between them.
pub(super) fn columns<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_in_engine_is_told_of_in_words_and_in_json() {
        let component = Component { bytes: bundle::ECHO.component.to_vec(), from_module: false };
        let report = Report::of("echo.wasm", &component).unwrap();
        assert!(report.guest);
        let text = report.text();
        for says in ["echo 0.1.0, a secrets engine", "notes/{name}  GET POST DELETE", "the mount's own drawer", "Rust"]
        {
            assert!(text.contains(says), "{says} in {text}");
        }
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["description"]["name"], &json["guest"]), (&"echo".into(), &true.into()));
    }
}

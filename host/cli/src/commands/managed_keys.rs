//! `managed-keys`.

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::Error;
use crate::client::Ask;
use crate::environment::Environment;
use crate::session::{Act, Asking, Exit, Run, Session, put};
use crate::terminal::Terminal;

/// Managed keys.
#[derive(Debug, clap::Subcommand)]
pub enum ManagedKeys {
    /// Registers a key, or changes how it is registered.
    #[command(after_help = "Examples:\n  innkeeper managed-keys create pkcs11 root-key library=hsm token_label=t1 \
                            pin=@pin key_label=root-key mechanism=0x1041 curve=P256 allow_generate_key=true\n  \
                            innkeeper managed-keys create awskms root-key @key.json")]
    Create(Asking<Create>),
    /// Lists the keys of a type.
    #[command(after_help = "Examples:\n  innkeeper managed-keys list pkcs11")]
    List(Asking<List>),
    /// Shows how a key is registered.
    #[command(after_help = "Examples:\n  innkeeper managed-keys read pkcs11 root-key")]
    Read(Asking<Read>),
    /// Forgets a key. It stays where it is kept.
    #[command(after_help = "Examples:\n  innkeeper managed-keys delete pkcs11 root-key")]
    Delete(Asking<Delete>),
    /// Signs something with a key and verifies it, to see that the key can be used.
    #[command(after_help = "Examples:\n  innkeeper managed-keys test pkcs11 root-key")]
    Test(Asking<Test>),
}

impl ManagedKeys {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Create(asking) => asking.run(environment, terminal),
            Self::List(asking) => asking.run(environment, terminal),
            Self::Read(asking) => asking.run(environment, terminal),
            Self::Delete(asking) => asking.run(environment, terminal),
            Self::Test(asking) => asking.run(environment, terminal),
        }
    }
}

/// Where keys are kept.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Home {
    /// A PKCS#11 token.
    Pkcs11,
    /// AWS KMS.
    Awskms,
    /// Azure Key Vault or Managed HSM.
    Azurekeyvault,
    /// Google Cloud KMS.
    Gcpckms,
}

impl Home {
    fn name(self) -> &'static str {
        match self {
            Self::Pkcs11 => "pkcs11",
            Self::Awskms => "awskms",
            Self::Azurekeyvault => "azurekeyvault",
            Self::Gcpckms => "gcpckms",
        }
    }

    fn path(self, name: &str) -> String {
        format!("sys/managed-keys/{}/{name}", self.name())
    }
}

/// A key that is registered.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// Its type.
    #[arg(value_name = "TYPE")]
    pub home: Home,
    /// Its name.
    pub name: String,
    /// Its fields; `innkeeper path-help sys/managed-keys` and the README name them.
    #[arg(value_name = "DATA", required = true)]
    pub data: Vec<String>,
}

impl Act for Create {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let fields = session.fields(&self.data)?;
        let ask = Ask::post(&self.home.path(&self.name), &Value::Object(fields));
        let done = format!("Registered the {} key: {}", self.home.name(), self.name);
        session.done(&ask, &format!("registering the key {}", self.name), &done)
    }
}

/// The keys of a type.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Which type.
    #[arg(value_name = "TYPE")]
    pub home: Home,
}

impl Act for List {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = format!("sys/managed-keys/{}", self.home.name());
        session.show_list(&Ask::list(&path), "listing managed keys", &format!("{path}/"), false)
    }
}

/// How a key is registered.
#[derive(Debug, clap::Args)]
pub struct Read {
    /// Its type.
    #[arg(value_name = "TYPE")]
    pub home: Home,
    /// Its name.
    pub name: String,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Read {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = self.home.path(&self.name);
        let found = session.found(&Ask::get(&path), &format!("reading {path}"), &path)?;
        session.show(&found, self.field.as_deref())
    }
}

/// A key that is forgotten.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Its type.
    #[arg(value_name = "TYPE")]
    pub home: Home,
    /// Its name.
    pub name: String,
}

impl Act for Delete {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let done = format!("Forgot the {} key (if it was registered): {}", self.home.name(), self.name);
        let doing = format!("deleting the key {}", self.name);
        session.done(&Ask::delete(&self.home.path(&self.name)).for_us(), &doing, &done)
    }
}

/// A try.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// Its type.
    #[arg(value_name = "TYPE")]
    pub home: Home,
    /// Its name.
    pub name: String,
    /// The hash that is signed: sha2-256, sha2-384 or sha2-512.
    #[arg(long, value_name = "NAME")]
    pub hash_algorithm: Option<String>,
    /// Sign with RSASSA-PSS, where the key can.
    #[arg(long)]
    pub use_pss: bool,
}

impl Act for Test {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = Map::new();
        put(&mut fields, "hash_algorithm", self.hash_algorithm.clone());
        put(&mut fields, "use_pss", self.use_pss.then_some(true));
        let ask = Ask::post(&format!("{}/test/sign", self.home.path(&self.name)), &Value::Object(fields)).for_us();
        session.done(&ask, &format!("signing with the key {}", self.name), &format!("The key {} signs", self.name))
    }
}

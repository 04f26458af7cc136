//! Connections: made with bounds, kept in two pools, thrown away as soon as one is in doubt.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::Address;
use crate::error::Fault;
use crate::{Error, Settings, tls};

/// How long one round trip may take. The server ends a statement after this time too.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// What every session is told. A transaction that is left open, because its node is gone, is ended by the server, so
/// that it does not hold up the others.
const SESSION: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '5s'; \
    SET standard_conforming_strings = on; SET client_min_messages = error";

/// What a session is told if the database knows the words; PostgreSQL does. Commits are durable whatever the database
/// or the role has been set to. Our statements have one good plan, along the indexes; what the planner believes of
/// tables whose statistics are old does not change that.
const TUNING: &str = "SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'; \
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off";

/// The pools of one node.
pub(crate) struct Links {
    reads: Pool,
    writes: Pool,
    connect_timeout: Duration,
    session: Session,
    config: Config,
}

impl Links {
    pub(crate) fn new(settings: &Settings, address: &Address) -> Result<Self, Error> {
        let session = Session { tls: tls::connector(address)? };
        let pool = |size| {
            let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            let manager = Manager::from_connect(address.config.clone(), session.clone(), how);
            let pool = Pool::builder(manager).max_size(size).runtime(Runtime::Tokio1);
            let pool = pool.create_timeout(Some(settings.connect_timeout)).wait_timeout(Some(ANSWER));
            pool.build().map_err(|error| Error::Settings(format!("connections: {error}")))
        };
        Ok(Self {
            reads: pool(settings.max_parallel - 1)?,
            writes: pool(1)?,
            connect_timeout: settings.connect_timeout,
            session: session.clone(),
            config: address.config.clone(),
        })
    }

    /// A connection for reading.
    pub(crate) async fn read(&self) -> Result<Object, Fault> {
        self.reads.get().await.map_err(no_link)
    }

    /// The connection for commits.
    pub(crate) async fn write(&self) -> Result<Object, Fault> {
        self.writes.get().await.map_err(no_link)
    }

    /// A connection beside the pools, for long work; it ends when dropped.
    pub(crate) async fn apart(&self) -> Result<Apart, Fault> {
        let connecting = self.session.connect(&self.config);
        let (client, task) = timeout(self.connect_timeout, connecting).await.map_err(|_| Fault::Silence)??;
        Ok(Apart { client, task })
    }
}

/// Closes the connection instead of giving it back: nobody knows what it is still doing.
pub(crate) fn discard(link: Object) {
    drop(Object::take(link));
}

/// Waits for an answer, within bounds.
pub(crate) async fn within<T, E: Into<Fault>>(
    bound: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Fault> {
    timeout(bound, answer).await.map_err(|_| Fault::Silence)?.map_err(Into::into)
}

fn no_link(error: PoolError) -> Fault {
    match error {
        PoolError::Backend(error) => error.into(),
        PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => {
            Fault::NoLink("all connections to the database are in use".into())
        }
        PoolError::Timeout(_) => Fault::NoLink("connecting to the database takes too long".into()),
        other => Fault::NoLink(other.to_string()),
    }
}

/// A connection of its own.
pub(crate) struct Apart {
    pub(crate) client: Client,
    task: JoinHandle<()>,
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects and tells the session how we want it.
#[derive(Clone)]
struct Session {
    tls: Option<MakeRustlsConnect>,
}

type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + 'a>>;

impl Connect for Session {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let config = config.clone();
        Box::pin(async move {
            let (client, task) = match &self.tls {
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, tokio::spawn(attend(connection)))
                }
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, tokio::spawn(attend(connection)))
                }
            };
            client.batch_execute(SESSION).await?;
            if let Err(error) = client.batch_execute(TUNING).await {
                tracing::debug!(error = %Fault::from(error), "the database does not take all settings of a session");
            }
            Ok((client, task))
        })
    }
}

/// Whoever waits for an answer is told when the connection ends; nobody else needs to know.
async fn attend(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(error = %Fault::from(error), "a connection to the database ended");
    }
}

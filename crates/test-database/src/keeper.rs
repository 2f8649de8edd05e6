//! The one thread of a test process that talks to the server about databases. It lives until the
//! process ends, with a runtime of its own: the tests' runtimes come and go.

use std::collections::HashMap;
use std::sync::{OnceLock, mpsc};
use std::thread;

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::Error;
use crate::server::{Kind, Server, say};
use crate::template;

/// What a test asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// A new database.
    Create { origin: Origin, reply: oneshot::Sender<Result<Created, Error>> },
    /// The end of one.
    Release { name: String, keep: bool, done: mpsc::Sender<()> },
}

/// The origin of a new database.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// The template of these migrations.
    Migrations(&'static Migrator),
    /// Nothing, by `create database` with these options.
    Options(&'static str),
}

/// A database that a test got.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) name: String,
    pub(crate) url: String,
}

/// The way to the thread.
#[derive(Debug)]
pub(crate) struct Keeper {
    requests: UnboundedSender<Request>,
}

impl Keeper {
    /// This process's, started at the first call.
    pub(crate) fn of_this_process() -> &'static Self {
        static KEEPER: OnceLock<Keeper> = OnceLock::new();
        KEEPER.get_or_init(|| {
            let (requests, inbox) = unbounded_channel();
            thread::spawn(move || work(inbox));
            Self { requests }
        })
    }

    /// Asks; where the thread is gone, the request's own channel tells.
    pub(crate) fn send(&self, request: Request) {
        let _gone = self.requests.send(request);
    }
}

fn work(mut inbox: UnboundedReceiver<Request>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say(&format!("no runtime: {error}")),
    };
    runtime.block_on(async {
        let mut desk = Desk::open().await;
        while let Some(request) = inbox.recv().await {
            match request {
                Request::Create { origin, reply } => {
                    let created = match &mut desk {
                        Ok(desk) => desk.create(origin).await,
                        Err(error) => Err(error.clone()),
                    };
                    // A test that was given up: its database goes at the end of the run.
                    let _given_up = reply.send(created);
                }
                Request::Release { name, keep, done } => {
                    if let Ok(desk) = &mut desk
                        && let Err(error) = desk.release(&name, keep).await
                    {
                        say(&error.to_string());
                    }
                    // A drop that waits no longer.
                    let _gone = done.send(());
                }
            }
        }
    });
}

struct Desk {
    connection: PgConnection,
    server: Server,
    run: i64,
    made: u64,
    /// By the address of the migrator.
    templates: HashMap<usize, String>,
}

impl Desk {
    async fn open() -> Result<Self, Error> {
        let run = rand::random::<i64>() & i64::MAX;
        let server = Server::find(run).await?;
        let mut connection = PgConnection::connect(&server.url)
            .await
            .map_err(Error::of("cannot connect to the server"))?;
        template::hold_run(&mut connection, run).await?;
        if matches!(server.kind, Kind::Given) {
            template::drop_leftovers(&mut connection).await?;
        }
        Ok(Self { connection, server, run, made: 0, templates: HashMap::new() })
    }

    async fn create(&mut self, origin: Origin) -> Result<Created, Error> {
        let migrator = match origin {
            Origin::Migrations(migrator) => migrator,
            Origin::Options(options) => {
                let name = self.next_name();
                template::create(&mut self.connection, &name, options).await?;
                return Ok(Created { url: template::url_of(&self.server.url, &name)?, name });
            }
        };
        let key = std::ptr::from_ref(migrator).addr();
        let template = match self.templates.get(&key) {
            Some(template) => template.clone(),
            None => template::ensure(&mut self.connection, &self.server.url, migrator).await?,
        };
        let name = self.next_name();
        template::clone(&mut self.connection, &template, &name).await?;
        self.templates.insert(key, template);
        Ok(Created { url: template::url_of(&self.server.url, &name)?, name })
    }

    fn next_name(&mut self) -> String {
        let name = template::database_name(self.run, self.made);
        self.made += 1;
        name
    }

    async fn release(&mut self, name: &str, keep: bool) -> Result<(), Error> {
        if !keep {
            return template::drop(&mut self.connection, name).await;
        }
        match &self.server.kind {
            Kind::Given => {
                template::keep(&mut self.connection, name).await?;
                say(&format!("kept the database {name} on the server of TEST_DATABASE_URL"));
            }
            Kind::Container(_) => say(&format!(
                "cannot keep {name}: its container goes with this process; \
                 set TEST_DATABASE_URL to keep databases"
            )),
            Kind::Local(local) => {
                let folder = local.keep()?.display();
                say(&format!(
                    "kept the database {name}: when the tests have ended, run, as the folder's \
                     owner, `postgres -D {folder}/data -k {folder}/socket`"
                ));
            }
        }
        Ok(())
    }
}

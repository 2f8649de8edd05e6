//! Which PostgreSQL the tests run on, and saying so.

use std::io::{self, Write};

use crate::container::Container;
use crate::local::Local;
use crate::{Error, environment};

/// A server that takes connections, and what keeps it alive.
#[derive(Debug)]
pub(crate) struct Server {
    /// Of a database to manage the others from.
    pub(crate) url: String,
    pub(crate) kind: Kind,
}

/// Whose the server is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The caller's.
    Given,
    /// A container of this process.
    Container(#[expect(dead_code, reason = "held: the container goes with it")] Box<Container>),
    /// The embedded server of this process.
    Local(Local),
}

impl Server {
    /// Finds or starts one. `run` is the advisory lock that this process will hold on it.
    pub(crate) async fn find(run: i64) -> Result<Self, Error> {
        if let Some(url) = environment::database_url() {
            say("tests use the PostgreSQL of TEST_DATABASE_URL");
            return Ok(Self { url, kind: Kind::Given });
        }
        let image = environment::image();
        match Container::start(&image, run).await {
            Ok(container) => {
                say(&format!("tests use PostgreSQL in a container of {image}"));
                Ok(Self { url: container.url.clone(), kind: Kind::Container(Box::new(container)) })
            }
            Err(reason) => {
                let local = Local::start().await?;
                let version = local.postgres.version();
                say(&format!("tests use the embedded PostgreSQL {version}, as {reason}"));
                Ok(Self { url: local.postgres.url().to_owned(), kind: Kind::Local(local) })
            }
        }
    }
}

/// To the terminal, also where the output of tests is captured.
pub(crate) fn say(line: &str) {
    // Nobody to tell: then so be it.
    let _unheard = writeln!(io::stderr(), "test-database: {line}");
}

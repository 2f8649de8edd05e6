//! PostgreSQL in a container, which goes when the process ends, however it ends.
//!
//! Statics are not dropped, and a killed process runs no code of ours; so the container looks
//! after itself. This process holds an advisory lock for as long as it lives. Beside the server a
//! small script waits for that lock, gets it when our connection is gone, and ends the server;
//! Docker then removes the container.

use std::time::Duration;

use futures::StreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::CreateImageOptionsBuilder;
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ImageExt};
use testcontainers_modules::postgres::Postgres;
use tokio::time::timeout;

use crate::server::say;

/// How long a daemon may take to answer at all.
const ANSWER: Duration = Duration::from_secs(3);
/// How long a pull may go without any progress.
const PULL_STALL: Duration = Duration::from_secs(15);
/// How long a container may take to take connections.
const START: Duration = Duration::from_secs(60);

/// `$1` is the lock that the process of the tests holds; what follows are arguments of the server.
/// A process that has not come by in two minutes is dead.
const COMMAND: &str = r#"
lock=$1
shift
ask() { psql -X -q -A -t -h /var/run/postgresql -U postgres -d postgres -c "$1"; }
watch() {
    tries=0
    until [ "$(ask "select pg_try_advisory_lock($lock)")" = f ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 240 ] || break
        sleep 0.5
    done
    [ "$tries" -ge 240 ] || ask "select pg_advisory_lock($lock)"
    kill -INT 1
    exit 0
}
watch >/dev/null 2>&1 &
exec docker-entrypoint.sh postgres "$@"
"#;

/// A running container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) url: String,
    /// Dropping it removes the container.
    _running: ContainerAsync<Postgres>,
}

impl Container {
    /// Starts one of `image`, which ends when nobody holds the advisory lock `lock` any more.
    /// Answers why not, in words that follow "as".
    pub(crate) async fn start(image: &str, lock: i64) -> Result<Self, String> {
        let docker = docker_client_instance()
            .await
            .map_err(|error| format!("there is no Docker ({error})"))?;
        match timeout(ANSWER, docker.ping()).await {
            Ok(Ok(_pong)) => {}
            Ok(Err(error)) => return Err(format!("no Docker daemon answers ({error})")),
            Err(_late) => return Err("the Docker daemon does not answer".to_owned()),
        }
        ensure_image(&docker, image).await?;
        timeout(START, run(image, lock))
            .await
            .map_err(|_late| format!("a container of {image} did not start in time"))?
            .map_err(|error| format!("a container of {image} did not start ({error})"))
    }
}

async fn ensure_image(docker: &Docker, image: &str) -> Result<(), String> {
    if docker.inspect_image(image).await.is_ok() {
        return Ok(());
    }
    say(&format!("pulling {image}"));
    let options = CreateImageOptionsBuilder::new().from_image(image).build();
    let mut pull = docker.create_image(Some(options), None, None);
    loop {
        match timeout(PULL_STALL, pull.next()).await {
            Ok(Some(Ok(_progress))) => {}
            Ok(Some(Err(error))) => {
                return Err(format!("{image} is not here and cannot be pulled ({error})"));
            }
            Ok(None) => return Ok(()),
            Err(_stalled) => return Err(format!("{image} is not here and its pull stalled")),
        }
    }
}

async fn run(image: &str, lock: i64) -> Result<Container, testcontainers::TestcontainersError> {
    let password = format!("{:032x}", rand::random::<u128>());
    let (name, tag) = split(image);
    let running = Postgres::default()
        .with_password(&password)
        .with_name(name)
        .with_tag(tag)
        .with_cmd(command(lock))
        .with_host_config_modifier(|config| config.auto_remove = Some(true))
        .with_startup_timeout(START)
        .start()
        .await?;
    let (host, port) = (running.get_host().await?, running.get_host_port_ipv4(5432).await?);
    let url = format!("postgres://postgres:{password}@{host}:{port}/postgres");
    Ok(Container { url, _running: running })
}

fn command(lock: i64) -> Vec<String> {
    let mut command = vec!["sh", "-c", COMMAND, "test-database"];
    let lock = lock.to_string();
    command.push(&lock);
    for setting in
        ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"]
    {
        command.extend(["-c", setting]);
    }
    command.into_iter().map(str::to_owned).collect()
}

/// Name and tag; a colon before the last slash is a registry's port.
fn split(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_at_its_tag() {
        assert_eq!(split("postgres:17-alpine"), ("postgres", "17-alpine"));
        assert_eq!(split("registry.test:5000/postgres"), ("registry.test:5000/postgres", "latest"));
        assert_eq!(split("registry.test:5000/postgres:16"), ("registry.test:5000/postgres", "16"));
    }
}

//! The official Scaleway client for Python drives the simulator through all seven operations. Its
//! packages are pinned in `python_sdk/requirements.txt` and fetched once into the target folder.
//! Where Python or the packages cannot be had, the test says so and passes, but in CI it fails.

use sandbox::{Sandbox, SandboxConfig};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

const REQUIREMENTS: &str = include_str!("python_sdk/requirements.txt");

/// Runs a command; its error says what it said.
fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output().map_err(|error| {
        let program = command.get_program().display();
        io::Error::new(error.kind(), format!("cannot run {program}: {error}"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{} ended with {}:\n{}{}",
        command.get_program().display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )))
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python_sdk").join(name)
}

/// A Python that has the client, made if it is not there yet.
fn prepare_python() -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scaleway-python");
    fs::create_dir_all(&folder)?;
    // Another run of this test may be at it.
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    let environment = folder.join("environment");
    let python = environment.join("bin/python");
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(python);
    }
    let make = ["-m", "venv", "--clear"].map(OsStr::new);
    run(Command::new("python3").args(make).arg(&environment))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--require-hashes", "--only-binary", ":all:", "-r"])
        .arg(source("requirements.txt")))?;
    fs::write(complete, REQUIREMENTS)?;
    Ok(python)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_drives_all_seven_operations() {
    let python = match tokio::task::spawn_blocking(prepare_python).await.unwrap() {
        Ok(python) => python,
        Err(reason) if std::env::var_os("CI").is_none() => {
            // Past the test's captured output, so that it is read though the test passes.
            let mut stderr = io::stderr();
            writeln!(stderr, "SKIPPED: the official Python client cannot be had: {reason}")
                .unwrap();
            return;
        }
        Err(reason) => panic!("the official Python client cannot be had: {reason}"),
    };
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let mut command = Command::new(python);
    command
        .arg(source("drive.py"))
        .env("SANDBOX_URL", sandbox.scaleway_url())
        .env("SANDBOX_SECRET_KEY", sandbox.scaleway_secret_key())
        .env("SANDBOX_PARTNER_ID", sandbox.scaleway_partner_id().to_string())
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let driven = tokio::task::spawn_blocking(move || run(&mut command)).await;
    driven.unwrap().unwrap();

    let control = sandbox.control();
    let operations = sandbox::Operation::ALL
        .into_iter()
        .filter(|operation| operation.provider() == sandbox::Provider::Scaleway);
    for operation in operations {
        assert!(control.tally(operation).received > 0, "{operation} was not asked for");
    }
}

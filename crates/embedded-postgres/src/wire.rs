//! Just enough of PostgreSQL's protocol to make a database on a socket that asks no password.
//! Whoever wants more takes a driver.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::USER;

/// Protocol 3.0.
const PROTOCOL: i32 = 196_608;
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the database `name` on the server at `socket`, unless it is there.
pub(crate) fn ensure_database(socket: &Path, name: &str) -> io::Result<()> {
    let mut session = Session::open(socket)?;
    let literal = name.replace('\'', "''");
    if session.rows(&format!("select 1 from pg_database where datname = '{literal}'"))? == 0 {
        let identifier = name.replace('"', "\"\"");
        session.rows(&format!("create database \"{identifier}\""))?;
    }
    session.send(b'X', &[])
}

struct Session {
    stream: UnixStream,
}

impl Session {
    fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut session = Self { stream };
        let mut start = PROTOCOL.to_be_bytes().to_vec();
        for text in ["user", USER, "database", "postgres", ""] {
            start.extend_from_slice(text.as_bytes());
            start.push(0);
        }
        session.stream.write_all(&framed(&start)?)?;
        session.until_ready()?;
        Ok(session)
    }

    /// Runs one statement; answers how many rows came back.
    fn rows(&mut self, statement: &str) -> io::Result<usize> {
        let mut body = statement.as_bytes().to_vec();
        body.push(0);
        self.send(b'Q', &body)?;
        self.until_ready()
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let mut message = vec![kind];
        message.extend(framed(body)?);
        self.stream.write_all(&message)
    }

    /// Reads up to the server's "ready for a query", counting rows; an error it reports on the
    /// way is answered.
    fn until_ready(&mut self) -> io::Result<usize> {
        let mut rows = 0;
        loop {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = Vec::new();
            let body_length = u64::from(length.saturating_sub(4));
            (&mut self.stream).take(body_length).read_to_end(&mut body)?;
            match head[0] {
                b'Z' => return Ok(rows),
                b'D' => rows += 1,
                b'E' => return Err(io::Error::other(message_of(&body))),
                _ => {}
            }
        }
    }
}

fn framed(body: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    Ok(frame)
}

/// The field `M` of an error's fields, each a letter and a text that ends with NUL.
fn message_of(fields: &[u8]) -> String {
    let message = fields.split(|byte| *byte == 0).find(|field| field.first() == Some(&b'M'));
    let text = message.map_or(&[][..], |field| &field[1..]);
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_by_its_message() {
        let fields = b"SFATAL\0C28P01\0Mno such user\0\0";
        assert_eq!(message_of(fields), "no such user");
        assert_eq!(message_of(b""), "");
    }
}

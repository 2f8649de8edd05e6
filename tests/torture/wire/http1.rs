//! As much of HTTP/1.1 as a proxy needs that breaks it: one request read, one answer taken from a server.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What no request and no answer of a test is longer than.
const LONGEST: usize = 1024 * 1024;

/// A request, as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The head, with the empty line at its end.
    head: String,
    body: Vec<u8>,
}

/// An answer, as the server gave it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// Headers but those that frame the body.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads one. `None` where the caller went before it was whole.
    ///
    /// # Errors
    /// The connection broke, or what came is no request.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut read = Vec::new();
        let Some(end) = read_head(stream, &mut read).await? else { return Ok(None) };
        let head = text(&read[..end])?;
        let length = header_in(&head, "content-length").map_or(Ok(0), str::parse);
        let length: usize = length.map_err(io::Error::other)?;
        let mut body = read.split_off(end);
        while body.len() < length {
            if stream.read_buf(&mut body).await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(Self { head, body }))
    }

    /// The method and the path without its query.
    pub(super) fn line(&self) -> (&str, &str) {
        let mut words = self.head.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        (method, target.split('?').next().unwrap_or(""))
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header_in(&self.head, name)
    }

    /// Has a server do it, and reads its answer.
    ///
    /// # Errors
    /// The server cannot be reached, or gives none.
    pub(super) async fn done_by(&self, server: SocketAddr) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(server).await?;
        let (line, rest) = self.head.split_once("\r\n").unwrap_or((&self.head, "\r\n"));
        let head = format!("{line}\r\nconnection: close\r\n{rest}");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&self.body).await?;
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await?;
        Answer::parse(&read)
    }
}

impl Answer {
    fn parse(read: &[u8]) -> io::Result<Self> {
        let end = end_of_head(read).ok_or_else(|| io::Error::other("the server gave no answer"))?;
        let head = text(&read[..end])?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let framing = ["content-length", "transfer-encoding", "connection"];
        let headers = headers(&head)
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .filter(|(name, _)| !framing.contains(&name.as_str()))
            .collect();
        let status = status.ok_or_else(|| io::Error::other("the server gave no status"))?;
        Ok(Self { status, headers, body: read[end..].to_vec() })
    }

    /// The bytes of the head that announces this length of the body; none for a body that goes on to the
    /// connection's end.
    pub(super) fn head(&self, length: Option<usize>) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} As It Is\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(length) = length {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        head.push_str("connection: close\r\n\r\n");
        head.into_bytes()
    }

    /// All of its bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        // A 204 has no body, and so no length.
        let mut bytes = self.head((self.status != 204).then_some(self.body.len()));
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Reads until the head's end, and answers where that is.
async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut Vec<u8>,
) -> io::Result<Option<usize>> {
    loop {
        if let Some(end) = end_of_head(read) {
            return Ok(Some(end));
        }
        if read.len() > LONGEST {
            return Err(io::Error::other("the head has no end"));
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

fn end_of_head(read: &[u8]) -> Option<usize> {
    read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(io::Error::other)
}

fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = head.split("\r\n").skip(1);
    lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

fn header_in<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    headers(head).find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_read_to_its_end_and_no_further() {
        let sent = b"POST /a/b?c=d HTTP/1.1\r\nX-Auth-Token: k\r\nContent-Length: 2\r\n\r\n{}";
        let request = Request::read(&mut &sent[..]).await.unwrap().unwrap();
        assert_eq!(request.line(), ("POST", "/a/b"));
        assert_eq!(request.header("x-auth-token"), Some("k"));
        assert_eq!(request.body, b"{}");
        for short in [&sent[..20], &sent[..sent.len() - 1], &[]] {
            assert!(Request::read(&mut &*short).await.unwrap().is_none());
        }
    }

    #[test]
    fn an_answer_is_framed_anew() {
        let read = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\n{}";
        let answer = Answer::parse(read).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{}"[..]));
        let framed = text(&answer.bytes()).unwrap();
        assert!(framed.contains("content-type: a/b\r\ncontent-length: 2\r\n"), "{framed}");
        assert!(!text(&answer.head(None)).unwrap().contains("length"));
    }
}

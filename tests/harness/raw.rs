//! Requests that no HTTP client would write.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::World;

/// Sends these bytes to the gateway, and returns everything that it answers until it closes the connection.
pub(crate) async fn raw_answer(world: &World, request: &[u8]) -> String {
    let address = world.anonymous().base().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The gateway may answer and close the connection before it has read everything.
    let _sent = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ended = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

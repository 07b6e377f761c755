//! What a machine has besides the cloud: a proxy, and an endpoint for its managed identity. Both on loopback, both with a memory.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What somebody was asked, in order.
pub type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy that connects to `to` whatever it is asked for (RFC 9110, section 9.3.6), and remembers what that was.
pub async fn proxy(to: SocketAddr) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let memory = asked.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(tunnel(client, to, memory.clone()));
        }
    });
    (url, asked)
}

async fn tunnel(mut client: TcpStream, to: SocketAddr, asked: Asked) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    asked.lock().unwrap().push(line);
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    if client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// An endpoint as App Service has it (learn.microsoft.com/azure/app-service/overview-managed-identity): `token` knows a resource's
/// token, and what it does not know is refused. Remembers `query header`.
pub async fn identity_endpoint(token: impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/msi/token", listener.local_addr().unwrap());
    let asked = Asked::default();
    let memory = asked.clone();
    let answer = move |request: Request| {
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
        let header = request.headers().get("x-identity-header").and_then(|h| h.to_str().ok()).unwrap_or_default();
        memory.lock().unwrap().push(format!("{} {header}", request.uri().query().unwrap_or_default()));
        let resource = query.iter().find(|(name, _)| name == "resource").map_or("", |(_, value)| value);
        let answer = match token(resource) {
            Some(token) => {
                let granted =
                    json!({"access_token": token, "expires_on": "4102444800", "token_type": "Bearer", "resource": resource});
                (StatusCode::OK, granted.to_string())
            }
            None => (StatusCode::BAD_REQUEST, json!({"statusCode": 400, "message": "No identity"}).to_string()),
        };
        async move { answer }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    (url, asked)
}

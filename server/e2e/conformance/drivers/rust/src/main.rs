//! Puts the crate nacos-sdk, unchanged, under the conformance runner: one JSON
//! request per line on standard input, one JSON answer or event per line on
//! standard output, until the input ends.

mod client;
mod shape;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use client::{Client, Failure};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(log_level()).init();
    let (out, lines) = mpsc::unbounded_channel();
    let writer = tokio::spawn(write_lines(lines));
    let mut client = Client::new(out.clone());
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = input.next_line().await? {
        let answer = answer(&mut client, &line).await;
        if out.send(answer).is_err() {
            break; // nobody reads any more
        }
    }
    drop(client);
    drop(out);
    // The library's own threads may hold a listener, and with it a sender, for
    // ever: what has been said is written, and nobody waits for more.
    writer.abort();
    Ok(())
}

/// How much the library may say: its errors, or what CONFORMANCE_LOG asks for.
fn log_level() -> tracing_subscriber::filter::LevelFilter {
    let wanted = std::env::var("CONFORMANCE_LOG").unwrap_or_default();
    wanted.parse().unwrap_or(tracing_subscriber::filter::LevelFilter::ERROR)
}

/// Carries out one line and says what came of it.
async fn answer(client: &mut Client, line: &str) -> Value {
    let request: Value = match serde_json::from_str(line) {
        Ok(r) => r,
        Err(e) => return json!({"id": 0, "ok": false, "error": format!("not a request: {e}")}),
    };
    let id = request["id"].clone();
    match client.handle(&request).await {
        Ok(result) => json!({"id": id, "ok": true, "result": result}),
        Err(Failure::Failed(e)) => json!({"id": id, "ok": false, "error": e}),
        Err(Failure::Unsupported(why)) => {
            json!({"id": id, "ok": false, "unsupported": true, "error": why})
        }
    }
}

/// The only writer of standard output: answers and events come from many tasks.
async fn write_lines(mut lines: mpsc::UnboundedReceiver<Value>) {
    let mut out = tokio::io::stdout();
    while let Some(line) = lines.recv().await {
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        if out.write_all(&bytes).await.is_err() || out.flush().await.is_err() {
            return; // the runner is gone, and its end of the input with it
        }
    }
}

//! The bare client: the same requests by hyper-util's pool, in the same order and as many in flight; nothing is made of
//! the answers, and nothing is noted.

use super::recorder::Asked;
use crate::watched::{CONNECTED, DONE, say, wait_for_end};
use anyhow::{Context, Result, anyhow};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use tokio::task::{JoinSet, LocalSet};

/// Sends all of them to `url`, which has no path.
pub(crate) fn run(url: &str, requests: &Path, in_flight: usize) -> Result<()> {
    let text = std::fs::read_to_string(requests)?;
    let requests: Vec<Asked> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    say(CONNECTED, 0);
    let sent = LocalSet::new().block_on(&runtime, send_all(url.into(), requests, in_flight))?;
    say(DONE, sent);
    wait_for_end();
    Ok(())
}

async fn send_all(url: String, requests: Vec<Asked>, in_flight: usize) -> Result<usize> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    let todo = Rc::new(RefCell::new(requests.into_iter()));
    let mut workers: JoinSet<Result<usize>> = JoinSet::new();
    for _ in 0..in_flight {
        let (client, todo, url) = (client.clone(), todo.clone(), url.clone());
        workers.spawn_local(async move {
            let mut sent = 0;
            loop {
                // Not held while it waits.
                let Some(asked) = todo.borrow_mut().next() else { return Ok(sent) };
                send(&client, &url, asked).await?;
                sent += 1;
            }
        });
    }
    let mut sent = 0;
    while let Some(done) = workers.join_next().await {
        sent += done.context("a worker has failed")??;
    }
    Ok(sent)
}

async fn send(client: &Client<HttpConnector, Full<Bytes>>, url: &str, asked: Asked) -> Result<()> {
    let mut request = Request::builder().method(asked.method.as_str()).uri(format!("{url}{}", asked.path));
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(asked.body)))?;
    let answer = client.request(request).await.map_err(|error| anyhow!("{error}"))?;
    answer.into_body().collect().await?;
    Ok(())
}

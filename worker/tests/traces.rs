//! Traces as a collector sees them: a real HTTP receiver, three workers, and calls, nested calls
//! and jobs between them.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use meshwork_worker::{Context, Failure, TraceContext, Worker};
use serde_json::Value;

use support::{Mesh, eventually, soon};

const SCHEMA: &str = r#"
[gateway]
_connect = ["shop"]
[shop]
_allow = ["gateway"]
_connect = ["store"]
[shop._commands._balanced]
sell = {}
wrap = { queued = true }
[store]
_allow = ["shop"]
[store._commands._balanced]
fetch = {}
"#;

/// What a collector has taken, by service and name as in `shop handle shop.sell`.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Value)>>>);

impl Collector {
    fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let collector = Self::default();
        let taken = collector.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let taken = taken.clone();
                std::thread::spawn(move || taken.serve(stream.unwrap()));
            }
        });
        (collector, address)
    }

    /// One connection: requests until its end.
    fn serve(&self, mut stream: std::net::TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let (mut length, mut line) = (0, String::new());
            let mut request = String::new();
            reader.read_line(&mut request).unwrap();
            if request.is_empty() {
                return;
            }
            assert!(request.starts_with("POST /v1/traces HTTP/1.1"), "{request}");
            while reader.read_line(&mut line).unwrap() > 2 {
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            self.take(&serde_json::from_slice(&body).unwrap());
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        }
    }

    fn take(&self, body: &Value) {
        for resource in body["resourceSpans"].as_array().unwrap() {
            let service = attribute(&resource["resource"], "service.name");
            for span in resource["scopeSpans"][0]["spans"].as_array().unwrap() {
                let (kind, name) = (attribute(span, "meshwork.kind"), span["name"].as_str());
                let label = format!("{service} {kind} {}", name.unwrap());
                self.0.lock().unwrap().push((label, span.clone()));
            }
        }
    }

    /// The spans by label, once all of these are here.
    async fn spans(&self, labels: &[&str]) -> BTreeMap<String, Value> {
        let all = || -> BTreeMap<_, _> { self.0.lock().unwrap().iter().cloned().collect() };
        let are_here = || labels.iter().all(|label| all().contains_key(*label));
        eventually("all spans are there", are_here).await;
        all()
    }
}

fn attribute(of: &Value, key: &str) -> String {
    let mut attributes = of["attributes"].as_array().unwrap().iter();
    let found = attributes.find(|attribute| attribute["key"] == key);
    found.unwrap_or_else(|| panic!("no {key} in {of}"))["value"]["stringValue"]
        .as_str()
        .unwrap()
        .to_owned()
}

struct Three {
    _mesh: Mesh,
    gateway: Worker,
    _shop: Worker,
    _store: Worker,
}

/// A gateway that traces one call in `one_in`, a shop and a store.
async fn three(collector: SocketAddr, one_in: usize) -> Three {
    let mesh = Mesh::start(SCHEMA).await;
    let worker = |name: &str, one_in: usize| {
        mesh.worker(name).settings(|settings| {
            settings.otlp_endpoint = Some(format!("http://{collector}"));
            settings.trace_one_in = Some(one_in);
        })
    };
    let store = worker("store", 0).handle_raw("fetch", |_: Context, bytes: Bytes| async move {
        match &bytes[..] {
            b"none" => Err(Failure::new("sold_out", "nothing is left")),
            _ => Ok(bytes),
        }
    });
    let store = soon("the store", store.start()).await.unwrap();
    let shop = worker("shop", 0).handle_raw("sell", |context: Context, bytes: Bytes| async move {
        let fetched = context.worker().call_raw("store", "fetch", bytes).await;
        fetched.map_err(|error| Failure::new("no_goods", error.to_string()))
    });
    let shop = shop.handle_raw("wrap", |context: Context, bytes: Bytes| async move {
        assert!(context.trace().is_some(), "a job knows its trace");
        Ok(bytes)
    });
    let shop = soon("the shop", shop.start()).await.unwrap();
    let gateway = soon("the gateway", worker("gateway", one_in).start()).await.unwrap();
    eventually("they are linked", || gateway.connected_peers().len() == 1).await;
    eventually("they are linked", || shop.connected_peers().len() == 2).await;
    Three { _mesh: mesh, gateway, _shop: shop, _store: store }
}

fn assert_below(spans: &BTreeMap<String, Value>, child: &str, parent: &str) {
    let (child, parent) = (&spans[child], &spans[parent]);
    assert_eq!(child["traceId"], parent["traceId"], "{child}\n{parent}");
    assert_eq!(child["parentSpanId"], parent["spanId"], "{child}\n{parent}");
}

#[tokio::test]
async fn a_call_is_followed_through_all_that_it_causes() {
    let (collector, address) = Collector::start();
    let mesh = three(address, 1).await;
    mesh.gateway.call_raw("shop", "sell", "apple").await.unwrap();
    let chain = [
        "gateway call shop.sell",
        "shop handle shop.sell",
        "shop call store.fetch",
        "store handle store.fetch",
    ];
    let spans = collector.spans(&chain).await;
    assert_eq!(spans.len(), chain.len(), "nothing else is told: {:?}", spans.keys());
    for pair in chain.windows(2) {
        assert_below(&spans, pair[1], pair[0]);
    }
    let root = &spans[chain[0]];
    assert_eq!((&root["parentSpanId"], &root["kind"]), (&"".into(), &3.into()));
    assert_eq!(attribute(root, "meshwork.outcome"), "ok");
    let caller = attribute(&spans[chain[1]], "meshwork.caller");
    assert!(caller.starts_with("gateway/"), "{caller}");
    let ns = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    for span in spans.values() {
        assert!(ns(span, "startTimeUnixNano") <= ns(span, "endTimeUnixNano"), "{span}");
    }
}

#[tokio::test]
async fn a_job_belongs_to_the_trace_that_enqueued_it() {
    let (collector, address) = Collector::start();
    let mesh = three(address, 1).await;
    mesh.gateway.enqueue_raw("shop", "wrap", "apple").await.unwrap();
    let labels = ["gateway call shop.wrap", "shop job shop.wrap"];
    let spans = collector.spans(&labels).await;
    assert_below(&spans, labels[1], labels[0]);
    assert_eq!(attribute(&spans[labels[1]], "meshwork.job").len(), 32);
}

#[tokio::test]
async fn a_failure_is_told_with_its_cause_and_a_trace_of_elsewhere_is_taken_up() {
    let (collector, address) = Collector::start();
    // Nothing begins a trace here: it comes from outside.
    let mesh = three(address, 0).await;
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = mesh.gateway.traced(TraceContext::from_traceparent(header));
    traced.call_raw("shop", "sell", "none").await.unwrap_err();
    let spans = collector.spans(&["gateway call shop.sell", "store handle store.fetch"]).await;
    let root = &spans["gateway call shop.sell"];
    assert_eq!(root["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(root["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(root["status"]["code"], 2);
    assert!(root["status"]["message"].as_str().unwrap().contains("no_goods"), "{root}");
    // One that nobody follows is passed on and not told of.
    let silent = header.replace("-01", "-00").replace("4bf9", "5bf9");
    let quiet = mesh.gateway.traced(TraceContext::from_traceparent(&silent));
    quiet.call_raw("shop", "sell", "apple").await.unwrap();
    mesh.gateway.call_raw("shop", "sell", "apple").await.unwrap();
    mesh.gateway.shutdown().await;
    let all = collector.0.lock().unwrap().clone();
    assert!(all.iter().all(|(_, span)| span["traceId"] == root["traceId"]), "{all:?}");
}

#[tokio::test]
async fn one_call_in_so_many_begins_a_trace() {
    let (collector, address) = Collector::start();
    let mesh = three(address, 10).await;
    for _ in 0..40 {
        mesh.gateway.call_raw("shop", "sell", "apple").await.unwrap();
    }
    mesh.gateway.shutdown().await;
    let all = collector.0.lock().unwrap().clone();
    let roots = all.iter().filter(|(label, _)| label == "gateway call shop.sell").count();
    assert_eq!(roots, 4);
}

#[tokio::test]
async fn a_collector_that_is_away_costs_no_call() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mesh = three(gone, 1).await;
    for _ in 0..100 {
        mesh.gateway.call_raw("shop", "sell", "apple").await.unwrap();
    }
    soon("the end", mesh.gateway.shutdown()).await;
}

//! The library's calls, one for each of the runner's operations.

use std::collections::HashMap;
use std::sync::Arc;

use nacos_sdk::api::error::Error;
use nacos_sdk::api::naming::{
    NamingChangeEvent, NamingEventListener, NamingService, NamingServiceBuilder, ServiceInstance,
};
use nacos_sdk::api::props::ClientProps;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::shape;

/// Why an operation has no result.
pub enum Failure {
    /// The library, or the server through it, said no.
    Failed(String),
    /// The library has no such call.
    Unsupported(&'static str),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure::Failed(e.to_string())
    }
}

impl From<String> for Failure {
    fn from(e: String) -> Self {
        Failure::Failed(e)
    }
}

type Outcome = Result<Value, Failure>;

/// One client of the library, and what it listens to.
pub struct Client {
    out: UnboundedSender<Value>,
    naming: Option<NamingService>,
    // The library compares listeners by identity, so that to unsubscribe the one
    // given at first must be given again.
    listeners: HashMap<String, Arc<Listener>>,
}

impl Client {
    /// A client that is not connected yet. Events go to `out`.
    pub fn new(out: UnboundedSender<Value>) -> Self {
        Client { out, naming: None, listeners: HashMap::new() }
    }

    /// Carries out one request.
    pub async fn handle(&mut self, r: &Value) -> Outcome {
        match text(r, "op").as_str() {
            "hello" => Ok(json!({
                "client": "nacos-sdk", "version": "0.8.3", "language": "rust", "generation": 2,
            })),
            "connect" => self.connect(r).await,
            "close" => {
                self.listeners.clear();
                self.naming = None;
                Ok(Value::Null)
            }
            "register" => {
                let i = shape::to_library(r)?;
                self.naming()?.register_instance(text(r, "service"), group(r), i).await?;
                Ok(Value::Null)
            }
            "deregister" => {
                let i = shape::to_library(r)?;
                self.naming()?.deregister_instance(text(r, "service"), group(r), i).await?;
                Ok(Value::Null)
            }
            "batch" => {
                let all = each_instance(r)?;
                self.naming()?.batch_register_instance(text(r, "service"), group(r), all).await?;
                Ok(Value::Null)
            }
            "batchDeregister" => {
                Err(Failure::Unsupported("no call that takes back a part of a batch"))
            }
            "list" => self.list(r).await,
            "select" => self.select(r).await,
            "selectOne" => self.select_one(r).await,
            "subscribe" => self.subscribe(r).await,
            "unsubscribe" => self.unsubscribe(r).await,
            "services" => self.services(r).await,
            "status" => Err(Failure::Unsupported("no call that tells the server's status")),
            "fuzzyWatch" | "fuzzyUnwatch" => Err(Failure::Unsupported("no fuzzy watch")),
            other => Err(Failure::Failed(format!("no such operation: {other}"))),
        }
    }

    fn naming(&self) -> Result<&NamingService, Failure> {
        self.naming.as_ref().ok_or_else(|| Failure::Failed("not connected".into()))
    }

    async fn connect(&mut self, r: &Value) -> Outcome {
        // By default the library keeps what it knew when it is told that a list
        // has become empty. The scenarios want to hear of it.
        let mut props = ClientProps::new()
            .env_first(false)
            .server_addr(strings(r, "servers").join(","))
            .namespace(text(r, "namespace"))
            .app_name("conformance")
            .naming_push_empty_protection(false);
        let user = text(r, "user");
        if !user.is_empty() {
            props = props.auth_username(user.as_str()).auth_password(text(r, "password"));
        }
        let mut builder = NamingServiceBuilder::new(props);
        if !user.is_empty() {
            builder = builder.enable_auth_plugin_http();
        }
        self.naming = Some(builder.build().await?);
        Ok(Value::Null)
    }

    async fn list(&self, r: &Value) -> Outcome {
        let subscribe = r["subscribe"].as_bool().unwrap_or(false);
        let found = self
            .naming()?
            .get_all_instances(text(r, "service"), group(r), strings(r, "clusters"), subscribe)
            .await?;
        Ok(json!({"instances": shape::list_to_runner(&found)}))
    }

    async fn select(&self, r: &Value) -> Outcome {
        let healthy = r["healthy"].as_bool().unwrap_or(true);
        let found = self
            .naming()?
            .select_instances(text(r, "service"), group(r), strings(r, "clusters"), false, healthy)
            .await?;
        Ok(json!({"instances": shape::list_to_runner(&found)}))
    }

    async fn select_one(&self, r: &Value) -> Outcome {
        let found = self
            .naming()?
            .select_one_healthy_instance(
                text(r, "service"),
                group(r),
                strings(r, "clusters"),
                false,
            )
            .await;
        match found {
            Ok(i) => Ok(json!({"instance": shape::to_runner(&i)})),
            // How the library says that there is none to choose from.
            Err(Error::ErrResult(text)) if text.starts_with("no available") => {
                Ok(json!({"instance": null}))
            }
            Err(e) => Err(e.into()),
        }
    }

    async fn subscribe(&mut self, r: &Value) -> Outcome {
        let listener = Arc::new(Listener { out: self.out.clone(), group: text(r, "group") });
        self.naming()?
            .subscribe(text(r, "service"), group(r), strings(r, "clusters"), listener.clone())
            .await?;
        self.listeners.insert(subscription(r), listener);
        Ok(Value::Null)
    }

    async fn unsubscribe(&mut self, r: &Value) -> Outcome {
        let listener = self
            .listeners
            .remove(&subscription(r))
            .ok_or_else(|| Failure::Failed("not subscribed to that".into()))?;
        self.naming()?
            .unsubscribe(text(r, "service"), group(r), strings(r, "clusters"), listener)
            .await?;
        Ok(Value::Null)
    }

    async fn services(&self, r: &Value) -> Outcome {
        let page = r["page"].as_i64().unwrap_or(1) as i32;
        let size = r["size"].as_i64().unwrap_or(10) as i32;
        let (names, count) = self.naming()?.get_service_list(page, size, group(r)).await?;
        Ok(json!({"count": count, "services": names}))
    }
}

/// Passes on what the library tells of a service.
struct Listener {
    out: UnboundedSender<Value>,
    group: String, // as the runner named it
}

impl NamingEventListener for Listener {
    fn event(&self, e: Arc<NamingChangeEvent>) {
        let none = Vec::new();
        let instances = e.instances.as_ref().unwrap_or(&none);
        // An error says that the driver ends, when nobody wants to know.
        let _ = self.out.send(json!({
            "event": "changed",
            "service": shape::plain_name(&e.service_name),
            "group": self.group,
            "instances": shape::list_to_runner(instances),
        }));
    }
}

fn each_instance(r: &Value) -> Result<Vec<ServiceInstance>, String> {
    let all = r["instances"].as_array().ok_or("no instances")?;
    all.iter().map(shape::to_library).collect()
}

fn text(r: &Value, field: &str) -> String {
    r[field].as_str().unwrap_or("").to_string()
}

fn strings(r: &Value, field: &str) -> Vec<String> {
    let all = r[field].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|v| v.as_str().map(String::from)).collect()
}

fn group(r: &Value) -> Option<String> {
    Some(text(r, "group")).filter(|g| !g.is_empty())
}

/// What a subscription is known by.
fn subscription(r: &Value) -> String {
    format!("{}@@{}@@{}", text(r, "group"), text(r, "service"), strings(r, "clusters").join(","))
}

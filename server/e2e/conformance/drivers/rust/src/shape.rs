//! The runner's shape of an instance, to the library's and back.

use std::collections::HashMap;

use nacos_sdk::api::naming::ServiceInstance;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a request says of an instance. Whatever it leaves out is as the library
/// has it by default.
#[derive(Deserialize)]
struct Wanted {
    ip: String,
    port: i32,
    #[serde(default)]
    cluster: String,
    weight: Option<f64>,
    healthy: Option<bool>,
    enabled: Option<bool>,
    ephemeral: Option<bool>,
    metadata: Option<HashMap<String, String>>,
}

/// Makes the library's instance of a request's fields.
pub fn to_library(request: &Value) -> Result<ServiceInstance, String> {
    let wanted: Wanted =
        serde_json::from_value(request.clone()).map_err(|e| format!("not an instance: {e}"))?;
    let mut i = ServiceInstance { ip: wanted.ip, port: wanted.port, ..Default::default() };
    if !wanted.cluster.is_empty() {
        i.cluster_name = Some(wanted.cluster);
    }
    i.weight = wanted.weight.unwrap_or(i.weight);
    i.healthy = wanted.healthy.unwrap_or(i.healthy);
    i.enabled = wanted.enabled.unwrap_or(i.enabled);
    i.ephemeral = wanted.ephemeral.unwrap_or(i.ephemeral);
    i.metadata = wanted.metadata.unwrap_or_default();
    Ok(i)
}

/// Makes the runner's instance of the library's.
pub fn to_runner(i: &ServiceInstance) -> Value {
    let service = i.service_name.as_deref().unwrap_or("");
    json!({
        "ip": i.ip,
        "port": i.port,
        "weight": i.weight,
        "healthy": i.healthy,
        "enabled": i.enabled,
        "ephemeral": i.ephemeral,
        "cluster": i.cluster_name.as_deref().unwrap_or(""),
        "service": plain_name(service),
        "metadata": i.metadata,
    })
}

/// The same, of a list.
pub fn list_to_runner(list: &[ServiceInstance]) -> Value {
    list.iter().map(to_runner).collect()
}

/// A service's name without the group before it.
pub fn plain_name(service: &str) -> &str {
    service.split_once("@@").map_or(service, |(_, name)| name)
}

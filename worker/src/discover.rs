//! From the configured address of the master to its mesh addresses.

use std::time::Duration;

use meshwork_shared::config::{HostPort, MasterAddress};
use serde::Deserialize;

use crate::session::JoinError;

/// How long the master's HTTP may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Addresses that are tried, at most.
const ADDRESSES_MAX: usize = 8;

/// What `GET /v1/master` answers.
#[derive(Deserialize)]
struct MasterInfo {
    mesh_port: u16,
    /// What the master was told to say; mostly nothing.
    #[serde(default)]
    mesh_addresses: Vec<String>,
}

/// Where the mesh port is, best first: as configured, or as `GET /v1/master` says. Never empty.
pub(crate) async fn mesh_addresses(master: &MasterAddress) -> Result<Vec<String>, JoinError> {
    match master {
        MasterAddress::Mesh(address) => Ok(vec![address.to_string()]),
        MasterAddress::Http(address) => {
            let address = address.clone();
            let asked = tokio::task::spawn_blocking(move || ask(&address)).await;
            asked.unwrap_or_else(|error| {
                let cause = error.to_string();
                Err(JoinError::Discover { address: "the master".to_owned(), cause })
            })
        }
    }
}

fn ask(http: &HostPort) -> Result<Vec<String>, JoinError> {
    let address = format!("http://{http}/v1/master");
    let failed = |cause: String| JoinError::Discover { address: address.clone(), cause };
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(WITHIN)).build().into();
    let mut answer = agent.get(&address).call().map_err(|error| failed(error.to_string()))?;
    let text = answer
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string()
        .map_err(|error| failed(error.to_string()))?;
    let info: MasterInfo =
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    if !info.mesh_addresses.is_empty() {
        return Ok(info.mesh_addresses.into_iter().take(ADDRESSES_MAX).collect());
    }
    let host = http.host();
    Ok(vec![match host.contains(':') {
        true => format!("[{host}]:{}", info.mesh_port),
        false => format!("{host}:{}", info.mesh_port),
    }])
}

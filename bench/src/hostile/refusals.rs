//! Whether a stranger can tell, by the time of the refusal, that the key id it named exists.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use meshwork_shared::handshake::PREAMBLE_BYTES;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::flood::{connect, opening};
use super::psk;
use crate::Outcome;

/// Where the key id stands in the preamble.
const KEY_ID_AT: usize = PREAMBLE_BYTES - 8;

/// How long refusals took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Timing {
    pub(crate) unknown_id_p50_us: f64,
    pub(crate) wrong_key_p50_us: f64,
    /// Difference of the medians of two halves of the same kind: what is mere noise.
    pub(crate) noise_us: f64,
    /// How often the slower one of a random pair is the wrong key, in percent; 50 tells nothing.
    pub(crate) told_apart_percent: f64,
}

/// Times `count` refusals of each kind, in turns.
pub(super) async fn time(to: SocketAddr, count: u32) -> Outcome<Timing> {
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    for number in 0..count {
        // Which one comes first alternates too.
        for second in [false, true] {
            let is_wrong = second == (number % 2 == 0);
            let took = refused(to, is_wrong).await?;
            if is_wrong { wrong.push(took) } else { unknown.push(took) }
        }
    }
    let half = |parity: usize| unknown.iter().skip(parity).step_by(2).copied().collect();
    Ok(Timing {
        unknown_id_p50_us: median(unknown.clone()),
        wrong_key_p50_us: median(wrong.clone()),
        noise_us: (median(half(0)) - median(half(1))).abs(),
        told_apart_percent: 100.0 * slower_share(unknown, wrong),
    })
}

/// From the last byte of the first message to the end of the stream, microseconds.
async fn refused(to: SocketAddr, is_wrong: bool) -> Outcome<f64> {
    let mut bytes = opening()?;
    if is_wrong {
        bytes[KEY_ID_AT..PREAMBLE_BYTES].copy_from_slice(&psk().id.0);
    }
    let mut stream = connect(IpAddr::V4(Ipv4Addr::LOCALHOST), to).await?;
    let started = Instant::now();
    stream.write_all(&bytes).await?;
    // An end or a reset; never a byte.
    if stream.read(&mut [0; 1]).await.is_ok_and(|len| len > 0) {
        return Err("a stranger was answered".into());
    }
    Ok(started.elapsed().as_nanos() as f64 / 1e3)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Of all pairs of one of `a` and one of `b`, the part in which `b` is larger; ties count half.
fn slower_share(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let below = |value: f64| a.partition_point(|&other| other < value);
    let upto = |value: f64| a.partition_point(|&other| other <= value);
    let pairs: usize = b.iter().map(|&value| below(value) + upto(value)).sum();
    pairs as f64 / 2.0 / (a.len() * b.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_cannot_be_told_apart() {
        let times: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(slower_share(times.clone(), times.clone()), 0.5);
        let slower = times.iter().map(|time| time + 1000.0).collect();
        assert_eq!(slower_share(times, slower), 1.0);
    }
}

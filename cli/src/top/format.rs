//! Figures in few letters.

/// Microseconds: `850us`, `24.1ms`, `1.20s`.
pub(super) fn span(us: u64) -> String {
    match us {
        0..1000 => format!("{us}us"),
        1000..1_000_000 => format!("{:.1}ms", us as f64 / 1e3),
        _ => format!("{:.2}s", us as f64 / 1e6),
    }
}

/// Events a second: nothing as `0`, few with a digit behind the point.
pub(super) fn rate(per_second: f64) -> String {
    if per_second == 0.0 {
        "0".to_owned()
    } else if per_second < 100.0 {
        format!("{per_second:.1}")
    } else {
        format!("{per_second:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let spans = [0, 999, 24_100, 999_949, 1_200_000].map(span);
        assert_eq!(spans, ["0us", "999us", "24.1ms", "999.9ms", "1.20s"]);
        let rates = [0.0, 0.04, 41.53, 12_345.6].map(rate);
        assert_eq!(rates, ["0", "0.0", "41.5", "12346"]);
    }
}

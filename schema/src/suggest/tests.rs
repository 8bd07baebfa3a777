use super::*;

const OPTIONS: [&str; 4] = ["timeout", "run_timeout", "attempts", "allow"];

#[test]
fn near_words_are_found() {
    let cases = [
        ("tiemout", "timeout"),
        ("time_out", "timeout"),
        ("TIMEOUT", "timeout"),
        ("run-timeout", "run_timeout"),
        ("attempt", "attempts"),
        ("alow", "allow"),
        ("_allow", "allow"),
    ];
    for (wrong, meant) in cases {
        assert_eq!(nearest(wrong, OPTIONS), Some(meant), "{wrong}");
    }
}

#[test]
fn far_words_are_not() {
    let long = "t".repeat(1_000_000);
    for wrong in ["", "retries", "x", "concurrency", long.as_str()] {
        assert_eq!(nearest(wrong, OPTIONS), None, "{}", wrong.len());
    }
}

#[test]
fn a_swap_of_neighbours_is_one_step() {
    assert_eq!(distance("gatweay", "gateway"), 1);
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(distance("kitten", "sitting"), 3);
}

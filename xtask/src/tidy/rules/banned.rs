//! Words that only some files may say, as a table.

use crate::tidy::Finding;
use crate::tidy::source::{Source, Tree};

/// A word of code and where it may stand.
struct Ban {
    /// The words; one that starts and ends a name matches as a whole name.
    words: &'static [&'static str],
    /// Files whose path starts with one of these may say it.
    except: &'static [&'static str],
    /// Whether tests may say it anywhere.
    tests_may: bool,
    /// Why, and what to do.
    reason: &'static str,
}

const BANS: [Ban; 6] = [
    Ban {
        words: &["TcpStream", "TcpListener", "TcpSocket", "UdpSocket", "UnixStream"],
        except: &["shared/src/net", "master/src/http", "bench/", "cli/", "soak/", "xtask/"],
        tests_may: true,
        reason: "sockets are opened by shared/src/net alone, so that the simulation can stand in",
    },
    Ban {
        words: &["unbounded_channel", "unbounded", "UnboundedSender"],
        except: &[],
        tests_may: false,
        reason: "every queue has a bound: use a bounded channel and answer when it is full",
    },
    Ban {
        words: &["std::time::Instant"],
        except: &["bench/", "xtask/"],
        tests_may: false,
        reason: "use tokio::time::Instant: tests and the simulation pause its clock",
    },
    Ban {
        words: &["SystemTime"],
        except: &["shared/src/clock.rs", "bench/", "xtask/"],
        tests_may: true,
        reason: "unix time comes from the meshwork_shared::clock::Clock that is passed in",
    },
    Ban {
        words: &["thread_rng", "rand::rng", "SysRng", "OsRng"],
        except: &["shared/src/random.rs"],
        tests_may: false,
        reason: "randomness comes from the meshwork_shared::random::Random that is passed in",
    },
    Ban {
        words: &["from_registry", "SystemService", "ArbiterService"],
        except: &[],
        tests_may: false,
        reason: "no registry singletons: pass the address in the constructor",
    },
];

/// Finds banned words, and `do_send` without a reason above it.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().flat_map(|source| [words(source), do_send(source)].concat()).collect()
}

fn words(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.numbered_code() {
        for ban in &BANS {
            let allowed = source.is_below(ban.except) || (ban.tests_may && source.is_test(number));
            let said = ban.words.iter().find(|word| says(line, word));
            if let Some(word) = said.filter(|_| !allowed) {
                let message = format!("`{word}`: {}", ban.reason);
                findings.push(Finding::new(&source.path, number, message));
            }
        }
    }
    findings
}

/// `do_send` ignores the bound of a mailbox and drops what it sends to a stopped actor in silence.
fn do_send(source: &Source) -> Vec<Finding> {
    let explained =
        |number: usize| number > 1 && source.comments[number - 2].trim_start().starts_with("//");
    let lines = source.numbered_code().filter(|(_, line)| line.contains(".do_send("));
    lines
        .filter(|(number, _)| !explained(*number))
        .map(|(number, _)| {
            let message = "`do_send` may lose the message: say on the line above why it may, \
                           or use `try_send`";
            Finding::new(&source.path, number, message)
        })
        .collect()
}

/// Whether `line` has `word` as a whole name. A use list such as `std::time::{Duration, Instant}`
/// says `std::time::Instant` too.
fn says(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let whole = line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    });
    let listed = word.rsplit_once("::").is_some_and(|(path, name)| {
        let list = line.split_once(&format!("{path}::{{")).map(|(_, rest)| rest);
        list.is_some_and(|rest| rest.split(|c| !part(c)).any(|listed| listed == name))
    });
    whole || listed
}

#[cfg(test)]
mod tests {
    use super::super::{lines, sample};
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&sample(path, text)))
    }

    #[test]
    fn sockets_stay_behind_the_seam() {
        let text = "use tokio::net::TcpStream;\n// TcpStream\nlet a = \"TcpStream\";\nMyTcpStream";
        assert_eq!(found("worker/src/a.rs", text), [1]);
        assert!(found("shared/src/net/tokio.rs", text).is_empty());
        assert!(found("worker/tests/a.rs", text).is_empty());
    }

    #[test]
    fn unbounded_channels_are_found_even_in_tests() {
        assert_eq!(found("worker/tests/a.rs", "mpsc::unbounded_channel()"), [1]);
        assert!(found("worker/src/a.rs", "fn unbounded_by_nothing() {}").is_empty());
    }

    #[test]
    fn instants_of_std_are_found_in_paths_and_lists() {
        let text = "use std::time::Instant;\nuse std::time::{Duration, Instant};\n\
                    use std::time::Duration;\nuse tokio::time::Instant;";
        assert_eq!(found("shared/src/a.rs", text), [1, 2]);
    }

    #[test]
    fn randomness_and_clocks_are_passed_in() {
        assert_eq!(found("master/src/a.rs", "let x = rand::rng();\nSystemTime::now()"), [1, 2]);
        assert!(found("shared/src/random.rs", "SysRng.fill(x);").is_empty());
    }

    #[test]
    fn do_send_needs_its_reason() {
        let text = "// To self: the mailbox is ours.\naddress.do_send(Tick);\n\nx.do_send(Tick);";
        assert_eq!(found("worker/src/a.rs", text), [4]);
        assert_eq!(found("worker/src/a.rs", "x.do_send(Tick);"), [1]);
    }

    #[test]
    fn actors_have_no_registry() {
        assert_eq!(found("master/src/a.rs", "Registry::from_registry()"), [1]);
    }
}

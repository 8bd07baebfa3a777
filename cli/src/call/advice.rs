//! What to write into the schema so that a call is allowed: the exact lines, where they are known.

use std::collections::BTreeSet;

use meshwork_schema::{Access, Schema, WorkerName, nearest};

use super::target::Target;

/// "did you mean" or the names that there are.
pub(crate) fn meant<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => "it has none at all".to_owned(),
        None => format!("it has: {}", names.join(", ")),
    }
}

/// The lines to add to the schema so that `caller` may call `target`. Without the schema, which an
/// outsider is not shown, all that may be missing.
pub(super) fn lines(schema: Option<&Schema>, caller: &WorkerName, target: &Target) -> String {
    let callee = target.worker.as_str();
    let mut advice =
        String::from("Add to the schema of the master, and have it read again (SIGHUP):\n");
    let known = schema.and_then(|schema| schema.worker(caller.as_str()));
    if known.is_none_or(|known| !known.connect.names(callee)) {
        let connect = with(known.map(|known| &known.connect), callee);
        advice.push_str(&format!("\n[{caller}]\n_connect = {connect}\n"));
    }
    let listener = schema.and_then(|schema| schema.worker(callee));
    if listener.is_none_or(|listener| !listener.allow.names(caller.as_str())) {
        let allow = with(listener.map(|listener| &listener.allow), caller.as_str());
        let hint = if listener.is_none() { "   # beside those who are there now" } else { "" };
        advice.push_str(&format!("\n[{callee}]\n_allow = {allow}{hint}\n"));
    }
    let command = listener.and_then(|listener| listener.command(target.command.as_str()));
    if let Some((_, command)) = command
        && let Some(allow) = &command.allow
        && !command.admits(caller.as_str())
    {
        let allow = with(Some(allow), caller.as_str());
        advice.push_str(&format!("\n{} = {{ allow = {allow}, ... }}\n", target.command));
    }
    advice.push_str("\nor call as a worker that may: --as WORKER");
    advice
}

/// The list with one more name, as TOML.
pub(crate) fn with(access: Option<&Access>, name: &str) -> String {
    let mut names: BTreeSet<&str> = BTreeSet::from([name]);
    if let Some(Access::List(list)) = access {
        names.extend(list.iter().map(WorkerName::as_str));
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Schema {
        Schema::from_toml(text).unwrap()
    }

    fn advise(schema: Option<&Schema>) -> String {
        lines(schema, &"operator".parse().unwrap(), &"thumbnailer.resize".parse().unwrap())
    }

    #[test]
    fn an_outsider_gets_all_that_may_be_missing() {
        let advice = advise(None);
        assert!(advice.contains("[operator]\n_connect = [\"thumbnailer\"]"), "{advice}");
        assert!(advice.contains("[thumbnailer]\n_allow = [\"operator\"]   # beside"), "{advice}");
    }

    #[test]
    fn only_what_is_missing_is_named() {
        let known = schema(
            "[thumbnailer]\n_allow = [\"gateway\"]\n\
             [thumbnailer._commands._balanced]\nresize = {}\n\
             [gateway]\n_connect = [\"thumbnailer\"]\n\
             [operator]\n_connect = [\"thumbnailer\"]\n",
        );
        let advice = advise(Some(&known));
        assert!(!advice.contains("[operator]"), "{advice}");
        assert!(advice.contains("_allow = [\"gateway\", \"operator\"]\n"), "{advice}");
    }

    #[test]
    fn a_command_that_narrows_who_may_call_it() {
        let known = schema(
            "[thumbnailer]\n_allow = \"anyNode\"\n\
             [thumbnailer._commands._balanced]\nresize = { allow = [\"gateway\"] }\n\
             [gateway]\n[operator]\n_connect = [\"thumbnailer\"]\n",
        );
        let advice = advise(Some(&known));
        assert!(advice.contains("resize = { allow = [\"gateway\", \"operator\"], ... }"));
        assert!(!advice.contains("_allow"), "{advice}");
    }

    #[test]
    fn names_that_are_near_are_suggested() {
        assert_eq!(meant("resise", ["resize", "stats"].into_iter()), "did you mean `resize`?");
        assert_eq!(meant("xyz", ["resize", "stats"].into_iter()), "it has: resize, stats");
    }
}

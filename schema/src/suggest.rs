//! "Did you mean ...?": the known word nearest to a wrong one.

use crate::limits::NAME_BYTES_MAX;

/// The known word that the wrong one was most likely meant to be, if any is near enough.
pub fn nearest<'w>(wrong: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if wrong.len() > NAME_BYTES_MAX {
        return None;
    }
    let wrong_lower = wrong.to_ascii_lowercase();
    let farthest = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|word| word.len().abs_diff(wrong.len()) <= farthest * 4)
        .map(|word| (distance(&wrong_lower, &word.to_ascii_lowercase()), word))
        .filter(|(distance, _)| *distance <= farthest)
        .min()
        .map(|(_, word)| word)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, from_char) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to_char) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(from_char != to_char);
            let mut least = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped =
                row > 0 && column > 0 && *from_char == to[column - 1] && from[row - 1] == *to_char;
            if swapped {
                least = least.min(before_last[column - 1] + 1);
            }
            current.push(least);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;

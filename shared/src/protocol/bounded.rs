//! Decoding with a bound, for serde's `deserialize_with`: a longer list is refused at the first
//! element too many, before anything more is allocated.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Elements reserved ahead at most; a list grows beyond it as elements arrive.
const RESERVE_MAX: usize = 64;

/// Decodes a list of at most `MAX` elements.
///
/// # Errors
/// The decoder's own error when the list is longer or an element does not decode.
pub fn list<'de, const MAX: usize, T, D>(input: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    input.deserialize_seq(ListVisitor::<T, MAX>(PhantomData))
}

/// Decodes a text of at most `MAX` bytes.
///
/// # Errors
/// The decoder's own error when the text is longer.
pub fn text<'de, const MAX: usize, D>(input: D) -> Result<String, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(input)?;
    if text.len() > MAX {
        return Err(D::Error::custom(format_args!("text of more than {MAX} bytes")));
    }
    Ok(text)
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut list =
            Vec::with_capacity(elements.size_hint().unwrap_or(0).min(MAX).min(RESERVE_MAX));
        while let Some(element) = elements.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::custom(format_args!("more than {MAX} elements")));
            }
            list.push(element);
        }
        Ok(list)
    }
}

//! Lists and numbers in a body.

use super::Object;

impl Object<'_> {
    /// Reads a list of at most `most` texts, each as a `T`. A value that occurs again counts once.
    pub(crate) fn list_of<T: PartialEq, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let value = self.value(name)?;
        let Some(items) = value.as_array() else {
            self.fault(name, "invalid_type", "must be a list");
            return None;
        };
        if items.len() > most {
            self.fault(name, "invalid", format!("must have at most {most} items"));
            return None;
        }
        let mut read: Vec<T> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = format!("{}/{index}", self.pointer(name));
            match item.as_str().map(&parse) {
                None => self.faults.add(&at, "invalid_type", "must be a text"),
                Some(Err(fault)) => self.faults.add(&at, "invalid", fault.to_string()),
                Some(Ok(value)) if read.contains(&value) => {}
                Some(Ok(value)) => read.push(value),
            }
        }
        Some(read)
    }

    /// A whole number from 0 on that must be there. `2.0` is one: to JSON Schema it is the same as `2`.
    pub(crate) fn number(&mut self, name: &'static str) -> Option<i64> {
        let number =
            self.value(name).map(|value| value.as_i64().or_else(|| whole(value.as_f64()?)));
        match number {
            None => self.fault(name, "required", "is required"),
            Some(Some(number @ 0..)) => return Some(number),
            Some(_) => self.fault(name, "invalid", "must be a whole number from 0 on"),
        }
        None
    }
}

/// The number, if it is whole and not out of range.
fn whole(number: f64) -> Option<i64> {
    // Digits are exact, and what does not fit is no number to their reader.
    (number.fract() == 0.0).then(|| format!("{number:.0}").parse().ok()).flatten()
}

//! Parameters of the query protocol: `Filter.1.Value.2=running`.

use super::ApiError;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Parameters below a prefix; what is read is remembered, so that what a
/// handler never looked at can be told.
#[derive(Clone)]
pub struct Params {
    all: Rc<BTreeMap<String, String>>,
    read: Rc<RefCell<BTreeSet<String>>>,
    prefix: String,
}

impl Params {
    /// From a form-encoded body.
    #[must_use]
    pub fn parse(body: &str) -> Self {
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        let all = body
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (decode(key), decode(value)))
            .collect();
        Self { all: Rc::new(all), read: Rc::default(), prefix: String::new() }
    }

    /// A parameter, if it was given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let key = format!("{}{name}", self.prefix);
        let value = self.all.get(&key)?;
        self.read.borrow_mut().insert(key);
        Some(value)
    }

    /// A parameter that must be given.
    pub fn need(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            ApiError::new(
                "MissingParameter",
                format!("The request must contain the parameter {}{name}", self.prefix),
            )
        })
    }

    /// A boolean, false if absent.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(false),
            Some(text) => parse_bool(text).ok_or_else(|| self.bad(name, text)),
        }
    }

    /// A number, if given.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.get(name).map(|text| text.parse().map_err(|_| self.bad(name, text))).transpose()
    }

    /// A list of values: `name.1`, `name.2`, … (or `name.member.1`).
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        self.groups(name)
            .into_iter()
            .filter_map(|entry| {
                let key = entry.prefix.trim_end_matches('.').to_owned();
                let value = self.all.get(&key)?.clone();
                self.read.borrow_mut().insert(key);
                Some(value)
            })
            .collect()
    }

    /// A list of structures, in the order of their numbers.
    #[must_use]
    pub fn groups(&self, name: &str) -> Vec<Self> {
        let mut found = BTreeMap::new();
        for prefix in [format!("{}{name}.", self.prefix), format!("{}{name}.member.", self.prefix)]
        {
            for key in self.all.range(prefix.clone()..).map(|(key, _)| key) {
                let Some(rest) = key.strip_prefix(&prefix) else { break };
                let number = rest.split('.').next().unwrap_or(rest);
                if let Ok(number) = number.parse::<u32>() {
                    found.insert(number, format!("{prefix}{number}."));
                }
            }
        }
        found.into_values().map(|prefix| Self { prefix, ..self.clone() }).collect()
    }

    /// A structure.
    #[must_use]
    pub fn sub(&self, name: &str) -> Self {
        Self { prefix: format!("{}{name}.", self.prefix), ..self.clone() }
    }

    /// Whether anything below this prefix was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all.keys().any(|key| key.starts_with(&self.prefix))
    }

    /// Names of all parameters.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// The same without a parameter.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut all = (*self.all).clone();
        all.remove(name);
        Self { all: Rc::new(all), ..self.clone() }
    }

    /// Everything below this prefix by its name there; counts as read.
    #[must_use]
    pub fn below(&self) -> BTreeMap<String, String> {
        let below = self.all.iter().filter_map(|(key, value)| {
            Some((key.strip_prefix(&self.prefix)?.to_owned(), key, value))
        });
        let below: Vec<_> = below.collect();
        self.read.borrow_mut().extend(below.iter().map(|(_, key, _)| (*key).clone()));
        below.into_iter().map(|(name, _, value)| (name, value.clone())).collect()
    }

    /// The same with what `defaults` says beside it: of parameters and lists that
    /// both have, this one's count if `own_first`, or else the others'.
    #[must_use]
    pub fn completed(&self, defaults: &BTreeMap<String, String>, own_first: bool) -> Self {
        let first = |key: &str| key.split('.').next().unwrap_or_default().to_owned();
        let (strong, weak) =
            if own_first { (&*self.all, defaults) } else { (defaults, &*self.all) };
        let given: BTreeSet<String> = strong.keys().map(|key| first(key)).collect();
        let mut all = strong.clone();
        let missing = weak.iter().filter(|(key, _)| !given.contains(&first(key)));
        all.extend(missing.map(|(key, value)| (key.clone(), value.clone())));
        Self { all: Rc::new(all), ..self.clone() }
    }

    /// Parameters no handler looked at.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let read = self.read.borrow();
        self.all.keys().filter(|key| !read.contains(*key)).cloned().collect()
    }

    /// Counts everything as read: the request was answered from memory.
    pub fn read_all(&self) {
        self.read.borrow_mut().extend(self.all.keys().cloned());
    }

    /// Everything but `except`, for comparing requests under one client token.
    #[must_use]
    pub fn fingerprint(&self, except: &[&str]) -> String {
        let kept = self.all.iter().filter(|(key, _)| !except.contains(&key.as_str()));
        kept.map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    fn bad(&self, name: &str, text: &str) -> ApiError {
        ApiError::new(
            "InvalidParameterValue",
            format!("Value ({text}) for parameter {}{name} is invalid.", self.prefix),
        )
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "1" => Some(true),
        "false" | "False" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_structures_and_tells_the_unread() {
        let p = Params::parse(
            "Filter.1.Name=a%3Ab&Filter.1.Value.1=x+y&Filter.1.Value.2=z&Ids.member.1=k&Other=1&DryRun=true",
        );
        let filters = p.groups("Filter");
        assert_eq!(filters.len(), 1);
        assert_eq!(filters[0].need("Name").unwrap(), "a:b");
        assert_eq!(filters[0].list("Value"), ["x y", "z"]);
        assert_eq!(p.list("Ids"), ["k"]);
        assert!(p.flag("DryRun").unwrap());
        assert_eq!(p.unread(), ["Other"]);
        assert_eq!(p.need("Missing").unwrap_err().code, "MissingParameter");
    }

    #[test]
    fn keeps_the_order_of_numbers() {
        let body: String = (1..=12).map(|n| format!("Id.{n}={n}&")).collect();
        let expected: Vec<String> = (1..=12).map(|n| n.to_string()).collect();
        assert_eq!(Params::parse(&body).list("Id"), expected);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(body in ".{0,200}") {
            let p = Params::parse(&body);
            let _ = (p.list("a"), p.groups("Filter").len(), p.unread());
        }
    }
}

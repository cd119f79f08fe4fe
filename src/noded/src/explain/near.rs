//! A code that somebody typed.

use nixl_cluster::reason::{self, Reason};

/// As many suggestions as fit one line.
const MOST: usize = 5;
/// Jaro-Winkler similarity from which a code may be what was meant.
const NEAR: f64 = 0.75;

/// There is no reason of this code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no reason has the code {code:?}; {hint}")]
pub struct UnknownCode {
    code: String,
    hint: String,
}

/// The reason with this code.
///
/// # Errors
/// If there is none, with the near ones.
pub fn known(code: &str) -> Result<&'static Reason, UnknownCode> {
    reason::find(code).ok_or_else(|| UnknownCode { code: code.to_owned(), hint: hint(code) })
}

fn hint(code: &str) -> String {
    let mut near: Vec<(f64, &str)> = reason::all()
        .map(|row| (likeness(code, row.code), row.code))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.truncate(MOST);
    match &near[..] {
        [] => "`nixl-noded explain` lists them all".to_owned(),
        near => {
            let codes: Vec<&str> = near.iter().map(|(_, code)| *code).collect();
            format!("near it are {}", codes.join(", "))
        }
    }
}

/// Of the whole, or of what follows the component: people forget that.
fn likeness(typed: &str, code: &str) -> f64 {
    let (_, name) = code.split_once('.').unwrap_or(("", code));
    let typed = typed.to_lowercase().replace('-', "_");
    strsim::jaro_winkler(&typed, code).max(strsim::jaro_winkler(&typed, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(code: &str) -> String {
        let told = known(code).unwrap_err().to_string();
        let (_, near) = told.split_once("near it are ").unwrap_or_else(|| panic!("{told}"));
        near.split(", ").next().unwrap().to_owned()
    }

    #[test]
    fn a_typo_is_answered_with_the_near_ones() {
        assert_eq!(first("pair.peer_gone"), "pair.peer_lost");
        assert_eq!(first("peer_lost"), "pair.peer_lost");
        assert_eq!(first("pair.peerlost"), "pair.peer_lost");
        assert_eq!(first("Mlflow.Denied"), "mlflow.denied");
        assert_eq!(first("efa-missing"), "efa.missing");
        let told = known("42").unwrap_err().to_string();
        assert_eq!(told, "no reason has the code \"42\"; `nixl-noded explain` lists them all");
    }
}

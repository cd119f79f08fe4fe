//! Lists that come in pages.

use crate::Result;
use crate::json::JsonClient;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One answer of a list.
pub(super) trait Page: DeserializeOwned {
    /// What is in it.
    type Item;
    /// Its items, and the token of the next.
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

/// All items of all pages. A token that comes back unchanged is the end.
pub(super) async fn all<P: Page>(
    json: &JsonClient,
    operation: &'static str,
    mut body: Value,
) -> Result<Vec<P::Item>> {
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page: P = json.call(operation, &body).await?;
        let (items, next) = page.split();
        all.extend(items);
        match next {
            Some(next) if token.as_ref() != Some(&next) => {
                body["NextToken"] = Value::from(next.clone());
                token = Some(next);
            }
            _ => return Ok(all),
        }
    }
}

//! Parameter Store.

use super::Client;
use crate::Result;
use serde::{Deserialize, Serialize};

/// The call; [`Client`] makes it, tests script it.
#[async_trait::async_trait]
pub trait Ssm: Send + Sync {
    /// Value of a plain parameter, or `None` if there is none of this name.
    async fn get_parameter(&self, name: &str) -> Result<Option<String>>;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameter<'a> {
    name: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameterAnswer {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: String,
}

#[async_trait::async_trait]
impl Ssm for Client {
    async fn get_parameter(&self, name: &str) -> Result<Option<String>> {
        let answer: Result<GetParameterAnswer> =
            self.json.call("GetParameter", &GetParameter { name }).await;
        match answer {
            Ok(answer) => Ok(Some(answer.parameter.value)),
            Err(error) if error.is(&["ParameterNotFound"]) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_those_of_the_api() {
        let body = serde_json::to_string(&GetParameter { name: "/a" }).expect("plain JSON");
        assert_eq!(body, r#"{"Name":"/a"}"#);
        let answer: GetParameterAnswer = serde_json::from_str(
            r#"{"Parameter":{"Name":"/a","Type":"String","Value":"ami-1","Version":3}}"#,
        )
        .expect("the answer parses");
        assert_eq!(answer.parameter.value, "ami-1");
    }
}

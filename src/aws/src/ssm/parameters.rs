//! Parameter Store.

use super::Client;
use crate::{Result, Tag};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The call; [`Client`] makes it, tests script it.
#[async_trait::async_trait]
pub trait Ssm: Send + Sync {
    /// Value of a plain parameter, or `None` if there is none of this name.
    async fn get_parameter(&self, name: &str) -> Result<Option<String>>;
}

/// The calls on parameters of the account's own that hold AMI ids.
#[async_trait::async_trait]
pub trait ParameterStore: Send + Sync {
    /// Makes one with its tags; `ParameterAlreadyExists` if there is one of this
    /// name. SSM looks for the image later: until then, or for ever if it finds
    /// none, there is no such parameter, and nothing but its absence tells so.
    async fn create_image_parameter(&self, name: &str, ami_id: &str, tags: &[Tag]) -> Result<()>;
    /// Gives one another value, with the same restriction; its tags stay.
    async fn set_image_parameter(&self, name: &str, ami_id: &str) -> Result<()>;
    /// Tags of one, or `None` if there is none of this name.
    async fn parameter_tags(&self, name: &str) -> Result<Option<Vec<Tag>>>;
}

/// PutParameter refuses tags together with `Overwrite`.
fn put(name: &str, ami_id: &str, tags: Option<&[Tag]>) -> Value {
    let mut body = json!({
        "Name": name,
        "Value": ami_id,
        "Type": "String",
        "DataType": "aws:ec2:image",
        "Overwrite": tags.is_none(),
    });
    if let Some(tags) = tags {
        let tag = |tag: &Tag| json!({"Key": tag.key, "Value": tag.value});
        body["Tags"] = tags.iter().map(tag).collect();
    }
    body
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagsAnswer {
    #[serde(default)]
    tag_list: Vec<TagShape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagShape {
    key: String,
    value: String,
}

#[async_trait::async_trait]
impl ParameterStore for Client {
    async fn create_image_parameter(&self, name: &str, ami_id: &str, tags: &[Tag]) -> Result<()> {
        let _: Value = self.json.call("PutParameter", &put(name, ami_id, Some(tags))).await?;
        Ok(())
    }

    async fn set_image_parameter(&self, name: &str, ami_id: &str) -> Result<()> {
        let _: Value = self.json.call("PutParameter", &put(name, ami_id, None)).await?;
        Ok(())
    }

    async fn parameter_tags(&self, name: &str) -> Result<Option<Vec<Tag>>> {
        let asked = json!({"ResourceType": "Parameter", "ResourceId": name});
        let answer: Result<TagsAnswer> = self.json.call("ListTagsForResource", &asked).await;
        match answer {
            Ok(answer) => {
                let tags = answer.tag_list.into_iter();
                Ok(Some(tags.map(|tag| Tag::new(tag.key, tag.value)).collect()))
            }
            Err(error) if error.is(&["InvalidResourceId"]) => Ok(None),
            Err(error) => Err(error),
        }
    }
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
        let new = put("/a", "ami-1", Some(&[Tag::new("k", "v")]));
        assert_eq!((&new["Overwrite"], &new["Tags"][0]["Key"]), (&json!(false), &json!("k")));
        let again = put("/a", "ami-1", None);
        assert_eq!((&again["Overwrite"], again.get("Tags")), (&json!(true), None));
    }
}

//! A template's parameters as DescribeLaunchTemplateVersions shows them: the
//! query's flat names become a tree, and lists have the names of answers.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// `NetworkInterface.1.DeviceIndex=0` as `{networkInterfaceSet: [{deviceIndex: "0"}]}`.
pub fn data(flat: &BTreeMap<String, String>) -> Value {
    let mut root = Map::new();
    for (key, value) in flat {
        insert(&mut root, &key.split('.').collect::<Vec<_>>(), value);
    }
    renamed(root, true)
}

fn insert(into: &mut Map<String, Value>, path: &[&str], value: &str) {
    match path {
        [] => {}
        [last] => _ = into.insert((*last).to_owned(), json!(value)),
        [first, rest @ ..] => {
            let below = into.entry(*first).or_insert_with(|| json!({}));
            if let Some(below) = below.as_object_mut() {
                insert(below, rest, value);
            }
        }
    }
}

/// Whether the names below are the numbers of a list.
fn is_list(map: &Map<String, Value>) -> bool {
    !map.is_empty() && map.keys().all(|key| key.parse::<u32>().is_ok())
}

fn renamed(map: Map<String, Value>, top: bool) -> Value {
    let shown = map.into_iter().map(|(name, value)| match value {
        Value::Object(below) if is_list(&below) => {
            let mut items: Vec<(u32, Value)> = below
                .into_iter()
                .map(|(number, item)| (number.parse().unwrap_or(0), renamed_value(item)))
                .collect();
            items.sort_by_key(|(number, _)| *number);
            let items: Vec<Value> = items.into_iter().map(|(_, item)| item).collect();
            // The one list whose items are not called item.
            match (name.as_str(), top) {
                ("SecurityGroupId", false) => ("groupSet".to_owned(), json!({ "*groupId": items })),
                _ => (set_name(&name), Value::Array(items)),
            }
        }
        other => (lower(&name), renamed_value(other)),
    });
    Value::Object(shown.collect())
}

fn renamed_value(value: Value) -> Value {
    match value {
        Value::Object(map) => renamed(map, false),
        other => other,
    }
}

/// Name of a list in the answer: the query's, in the plural that EC2 uses.
fn set_name(name: &str) -> String {
    format!("{}Set", lower(name))
}

fn lower(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_names_become_the_tree_of_the_answer() {
        let flat = [
            ("ImageId", "ami-1"),
            ("NetworkInterface.2.DeviceIndex", "1"),
            ("NetworkInterface.1.DeviceIndex", "0"),
            ("NetworkInterface.1.SecurityGroupId.1", "sg-1"),
            ("SecurityGroupId.1", "sg-2"),
            ("TagSpecification.1.Tag.1.Key", "k"),
        ];
        let flat = flat.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(
            data(&flat),
            json!({
                "imageId": "ami-1",
                "networkInterfaceSet": [
                    {"deviceIndex": "0", "groupSet": {"*groupId": ["sg-1"]}},
                    {"deviceIndex": "1"},
                ],
                "securityGroupIdSet": ["sg-2"],
                "tagSpecificationSet": [{"tagSet": [{"key": "k"}]}],
            })
        );
    }
}

//! `{{ name }}` in a step's inputs.

use std::collections::BTreeMap;

use serde_yaml_ng::Value;

/// The inputs with every reference replaced.
pub(super) fn resolve(value: &Value, values: &BTreeMap<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(replace(text, values)?),
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|i| resolve(i, values)).collect::<Result<_, _>>()?)
        }
        Value::Mapping(map) => Value::Mapping(
            map.iter()
                .map(|(key, item)| Ok((key.clone(), resolve(item, values)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

fn replace(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) =
            after.split_once("}}").ok_or_else(|| format!("`{{{{` without `}}}}` in: {text}"))?;
        let value = values.get(name.trim()).ok_or_else(|| {
            format!("`{{{{ {} }}}}` is neither a parameter nor a constant", name.trim())
        })?;
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> BTreeMap<String, String> {
        BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b.c".to_owned(), "{{ a }}".to_owned())])
    }

    #[test]
    fn names_are_replaced_once() {
        assert_eq!(replace("x{{ a }}y{{b.c}}", &values()).unwrap(), "x1y{{ a }}");
        assert!(replace("{{ z }}", &values()).unwrap_err().contains("z"));
        assert!(replace("{{ a", &values()).unwrap_err().contains("without"));
    }

    proptest! {
        #[test]
        fn text_without_braces_stays(text in "[^{}]*") {
            prop_assert_eq!(replace(&text, &values()).unwrap(), text);
        }
    }
}

//! Proofs of Parameter Store's rules.

use super::{Case, Found, case, same};
use crate::rules::{Rule, parameters as rules};
use crate::testing::Bench;
use serde_json::{Value, json};

async fn call(bench: &Bench, operation: &str, input: Value) -> Value {
    bench.json("ssm", &format!("AmazonSSM.{operation}"), input).await.1
}

/// Puts a String; `more` is put over the request.
async fn put(bench: &Bench, name: &str, more: Value) -> Value {
    let mut input = json!({"Name": name, "Type": "String", "Value": "v"});
    for (field, value) in more.as_object().into_iter().flatten() {
        input[field] = value.clone();
    }
    call(bench, "PutParameter", input).await
}

fn refused(told: &Value, code: &str) -> Found {
    same(told["__type"].as_str(), Some(code))
}

fn accepted(told: &Value) -> Found {
    same(told["__type"].as_str(), None)
}

fn names(told: &Value) -> Vec<String> {
    let list = told["Parameters"].as_array();
    list.into_iter().flatten().filter_map(|p| p["Name"].as_str().map(str::to_owned)).collect()
}

/// Puts that are refused with the rule's code, and others that are not.
fn puts(rule: &'static Rule, bad: Vec<(String, Value)>, good: Vec<(String, Value)>) -> Case {
    case(rule, move |bench: Bench| {
        let (bad, good) = (bad.clone(), good.clone());
        async move {
            for (name, more) in good {
                accepted(&put(&bench, &name, more).await)?;
            }
            for (name, more) in bad {
                refused(&put(&bench, &name, more).await, rule.answer)?;
            }
            Ok(())
        }
    })
}

fn named(names: &[&str]) -> Vec<(String, Value)> {
    names.iter().map(|name| ((*name).to_owned(), json!({}))).collect()
}

fn writing() -> Vec<Case> {
    let deep = |levels: usize| "/x".repeat(levels);
    let sized = |length: usize, tier: &str| {
        ("p".to_owned(), json!({"Value": "x".repeat(length), "Tier": tier, "Overwrite": true}))
    };
    vec![
        case(&rules::EXISTS, async |bench: Bench| {
            accepted(&put(&bench, "p", json!({})).await)?;
            same(put(&bench, "p", json!({"Overwrite": true})).await["Version"].as_u64(), Some(2))?;
            refused(&put(&bench, "p", json!({})).await, "ParameterAlreadyExists")
        }),
        case(&rules::RESERVED, async |bench: Bench| {
            refused(&put(&bench, "/aws/x", json!({})).await, "AccessDeniedException")?;
            for name in ["awsome", "SSM-x", "/ssm/x"] {
                refused(&put(&bench, name, json!({})).await, "ValidationException")?;
            }
            accepted(&put(&bench, "/x/aws", json!({})).await)
        }),
        puts(
            &rules::NAME,
            named(&["a/b", "/a//b", "/a/", "ä", &"x".repeat(1012)]),
            named(&["/a/b", "a.b_c-D"]),
        ),
        puts(&rules::LEVELS, named(&[&deep(16)]), named(&[&deep(15)])),
        puts(
            &rules::SIZE,
            vec![sized(8193, "Advanced"), ("q".to_owned(), json!({"Value": "x".repeat(4097)}))],
            vec![
                sized(4096, "Standard"),
                sized(4097, "Intelligent-Tiering"),
                sized(8192, "Advanced"),
            ],
        ),
        case(&rules::TYPE, async |bench: Bench| {
            accepted(&put(&bench, "p", json!({})).await)?;
            let other = json!({"Type": "SecureString", "Overwrite": true});
            refused(&put(&bench, "p", other).await, "HierarchyTypeMismatchException")?;
            refused(
                &put(&bench, "q", json!({"Type": "Number"})).await,
                "UnsupportedParameterType",
            )?;
            refused(&put(&bench, "q", json!({"Type": null})).await, "ValidationException")
        }),
        puts(
            &rules::PATTERN,
            vec![("p".to_owned(), json!({"AllowedPattern": "^\\d+$"}))],
            vec![("q".to_owned(), json!({"AllowedPattern": "^\\d+$", "Value": "42"}))],
        ),
        puts(
            &rules::TAGS_OR_OVERWRITE,
            vec![(
                "p".to_owned(),
                json!({"Overwrite": true, "Tags": [{"Key": "a", "Value": "b"}]}),
            )],
            vec![("p".to_owned(), json!({"Tags": [{"Key": "a", "Value": "b"}]}))],
        ),
        puts(
            &rules::IMAGE,
            vec![(
                "p".to_owned(),
                json!({"DataType": "aws:ec2:image", "Value": "ami-0123456789abcdef0"}),
            )],
            vec![],
        ),
    ]
}

fn reading() -> Vec<Case> {
    vec![
        case(&rules::VERSION, async |bench: Bench| {
            put(&bench, "p", json!({"Value": "one"})).await;
            put(&bench, "p", json!({"Value": "two", "Overwrite": true})).await;
            let value = async |name: &str| {
                let told = call(&bench, "GetParameter", json!({"Name": name})).await;
                told["Parameter"]["Value"].as_str().map(str::to_owned)
            };
            same(value("p").await.as_deref(), Some("two"))?;
            same(value("p:1").await.as_deref(), Some("one"))?;
            let told = call(&bench, "GetParameter", json!({"Name": "p:7"})).await;
            refused(&told, "ParameterVersionNotFound")?;
            let told = call(&bench, "GetParameterHistory", json!({"Name": "p"})).await;
            same(names(&told), vec!["p".to_owned(); 2])
        }),
        case(&rules::SECURE, async |bench: Bench| {
            put(&bench, "p", json!({"Type": "SecureString", "Value": "hidden"})).await;
            let value = async |open: bool| {
                let input = json!({"Name": "p", "WithDecryption": open});
                call(&bench, "GetParameter", input).await["Parameter"]["Value"].clone()
            };
            same(value(true).await.as_str(), Some("hidden"))?;
            same(value(false).await.as_str().is_some_and(|text| !text.contains("hidden")), true)
        }),
        case(&rules::TEN_NAMES, async |bench: Bench| {
            put(&bench, "p", json!({})).await;
            let told = call(&bench, "GetParameters", json!({"Names": ["p", "q"]})).await;
            same(
                (names(&told), &told["InvalidParameters"]),
                (vec!["p".to_owned()], &json!(["q"])),
            )?;
            let many: Vec<String> = (0..11).map(|n| format!("p{n}")).collect();
            for operation in ["GetParameters", "DeleteParameters"] {
                let told = call(&bench, operation, json!({"Names": many})).await;
                refused(&told, "ValidationException")?;
            }
            Ok(())
        }),
        case(&rules::PATH, async |bench: Bench| {
            for name in ["/a/b", "/a/c/d", "/ab", "/a/e"] {
                put(&bench, name, json!({})).await;
            }
            let below = async |path: &str, recursive: bool| {
                let input = json!({"Path": path, "Recursive": recursive});
                call(&bench, "GetParametersByPath", input).await
            };
            same(names(&below("/a", false).await), ["/a/b", "/a/e"].map(str::to_owned).to_vec())?;
            let all = ["/a/b", "/a/c/d", "/a/e"].map(str::to_owned).to_vec();
            same(names(&below("/a/", true).await), all)?;
            refused(&below("a", false).await, "ValidationException")
        }),
        case(&rules::PAGES, async |bench: Bench| {
            for n in 0..12 {
                put(&bench, &format!("/a/{n:02}"), json!({})).await;
            }
            let first = call(&bench, "GetParametersByPath", json!({"Path": "/a"})).await;
            let rest = json!({"Path": "/a", "NextToken": first["NextToken"]});
            let second = call(&bench, "GetParametersByPath", rest).await;
            same((names(&first).len(), names(&second).len()), (10, 2))?;
            let told = call(&bench, "DescribeParameters", json!({"MaxResults": 51})).await;
            refused(&told, "ValidationException")
        }),
        case(&rules::FILTERS, async |bench: Bench| {
            put(&bench, "/a/b", json!({"Tags": [{"Key": "team", "Value": "x"}]})).await;
            put(&bench, "/c", json!({"Type": "SecureString"})).await;
            let found = async |key: &str, option: &str, value: &str| {
                let filter = json!({"Key": key, "Option": option, "Values": [value]});
                call(&bench, "DescribeParameters", json!({"ParameterFilters": [filter]})).await
            };
            for (key, option, value, name) in [
                ("Name", "BeginsWith", "/a", "/a/b"),
                ("Name", "Contains", "b", "/a/b"),
                ("Type", "Equals", "SecureString", "/c"),
                ("Path", "Recursive", "/a", "/a/b"),
                ("tag:team", "Equals", "x", "/a/b"),
            ] {
                let told = found(key, option, value).await;
                same((key, names(&told)), (key, vec![name.to_owned()]))?;
            }
            refused(&found("Colour", "Equals", "red").await, "InvalidFilterKey")?;
            refused(&found("Tier", "Contains", "S").await, "InvalidFilterOption")?;
            refused(&found("Path", "OneLevel", "a").await, "InvalidFilterValue")
        }),
    ]
}

fn others() -> Vec<Case> {
    vec![
        case(&rules::DELETE_UNKNOWN, async |bench: Bench| {
            put(&bench, "p", json!({})).await;
            put(&bench, "q", json!({})).await;
            let told = call(&bench, "DeleteParameters", json!({"Names": ["p", "r"]})).await;
            let expected = json!({"DeletedParameters": ["p"], "InvalidParameters": ["r"]});
            same(told, expected)?;
            accepted(&call(&bench, "DeleteParameter", json!({"Name": "q"})).await)?;
            let told = call(&bench, "DeleteParameter", json!({"Name": "q"})).await;
            refused(&told, "ParameterNotFound")
        }),
        case(&rules::TAGGED, async |bench: Bench| {
            put(&bench, "p", json!({})).await;
            let tags = async |operation: &str, id: &str, more: Value| {
                let mut input = json!({"ResourceType": "Parameter", "ResourceId": id});
                for (field, value) in more.as_object().into_iter().flatten() {
                    input[field] = value.clone();
                }
                call(&bench, operation, input).await
            };
            let new = json!({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]});
            tags("AddTagsToResource", "p", new).await;
            tags("RemoveTagsFromResource", "p", json!({"TagKeys": ["a"]})).await;
            let told = tags("ListTagsForResource", "p", json!({})).await;
            same(told, json!({"TagList": [{"Key": "b", "Value": "2"}]}))?;
            let told = tags("ListTagsForResource", "q", json!({})).await;
            refused(&told, "InvalidResourceId")
        }),
        case(&rules::MAX_TAGS, async |bench: Bench| {
            put(&bench, "p", json!({})).await;
            let add = async |count: usize| {
                let tags: Vec<Value> =
                    (0..count).map(|n| json!({"Key": format!("k{n}"), "Value": ""})).collect();
                let input = json!({"ResourceType": "Parameter", "ResourceId": "p", "Tags": tags});
                call(&bench, "AddTagsToResource", input).await
            };
            accepted(&add(50).await)?;
            refused(&add(51).await, "TooManyTagsError")
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [writing(), reading(), others()].into_iter().flatten().collect()
}

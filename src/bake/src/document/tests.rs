use super::*;
use crate::testing::Checkout;

fn store() -> Store {
    Store { bucket: "nixl-bake-123456789012-eu-west-1".into(), account: "123456789012".into() }
}

fn noded() -> Component {
    Checkout::new().load().unwrap().components.remove(0)
}

#[test]
fn golden() {
    let text = render(&noded(), &store()).unwrap();
    let prelude: String = PRELUDE.lines().map(|line| format!("        {line}\n")).collect();
    let text = text.replace(&prelude, "        PRELUDE\n");
    assert!(text == include_str!("golden.yaml"), "rendered:\n{text}");
}

#[test]
fn it_reads_back_as_the_schema_says() {
    let component = noded();
    let text = render(&component, &store()).unwrap();
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    assert_eq!(value["schemaVersion"].as_f64(), Some(1.0));
    for phase in value["phases"].as_sequence().unwrap() {
        let mut names = std::collections::HashSet::new();
        for step in phase["steps"].as_sequence().unwrap() {
            assert!(names.insert(step["name"].as_str().unwrap()), "step names are unique");
            if let Some(commands) = step["inputs"]["commands"].as_sequence() {
                let script = commands[0].as_str().unwrap();
                assert!(script.starts_with("set -Eeuo pipefail\n"));
                assert!(!script.contains("#!"));
            }
        }
    }
    let script = value["phases"][0]["steps"][3]["inputs"]["commands"][0].as_str().unwrap();
    assert!(script.ends_with(component.install.split_once('\n').unwrap().1));
}

#[test]
fn it_does_not_depend_on_when_it_is_rendered() {
    assert_eq!(render(&noded(), &store()).unwrap(), render(&noded(), &store()).unwrap());
}

#[test]
fn a_document_beyond_the_service_limit_is_refused() {
    let mut component = noded();
    component.install.push_str(&"# filler\n".repeat(MAX_BYTES / 9));
    let told = render(&component, &store()).unwrap_err().to_string();
    assert!(told.contains("nixl-noded") && told.contains("65536"), "{told}");
}

#[test]
fn the_shipped_components_fit_inline() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../image");
    for name in ["libfabric", "cloud-init", "hardening"] {
        for script in ["install.sh", "validate.sh"] {
            let path = root.join(name).join(script);
            check_script(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        }
    }
}

use super::*;
use crate::hash::Sum;
use crate::testing::{Checkout, pins};

fn store() -> Store {
    Store { bucket: "nixl-bake-123456789012-eu-west-1".into(), account: "123456789012".into() }
}

fn image() -> ImageIdentity {
    ImageIdentity::new(&Checkout::new().load().unwrap(), &pins())
}

fn noded() -> Component {
    Checkout::new().load().unwrap().components.remove(0)
}

#[test]
fn golden() {
    let text = render(&noded(), &store(), &image(), &pins()).unwrap();
    let prelude: String = BASE.lines().map(|line| format!("        {line}\n")).collect();
    let text = text.replace(&prelude, "        PRELUDE\n");
    assert!(text == include_str!("golden.yaml"), "rendered:\n{text}");
}

#[test]
fn it_reads_back_as_the_schema_says() {
    let component = noded();
    let text = render(&component, &store(), &image(), &pins()).unwrap();
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
    assert_eq!(
        render(&noded(), &store(), &image(), &pins()).unwrap(),
        render(&noded(), &store(), &image(), &pins()).unwrap()
    );
}

#[test]
fn a_document_beyond_the_service_limit_is_refused() {
    let mut component = noded();
    component.install.push_str(&"# filler\n".repeat(MAX_BYTES / 9));
    let told = render(&component, &store(), &image(), &pins()).unwrap_err().to_string();
    assert!(told.contains("nixl-noded") && told.contains("65536"), "{told}");
}

#[test]
fn scripts_get_what_they_use_and_nothing_else() {
    let mut component = noded();
    let name = crate::recipe::InputName::try_from("version".to_owned()).unwrap();
    let value = crate::recipe::Text::try_from("it's 1".to_owned()).unwrap();
    component.inputs.insert(name, value);
    let before = script(&component, None, "true\n", (&image(), &pins()));
    assert!(!before.contains("export NIXL_"), "{before}");
    let after =
        script(&component, None, "echo $NIXL_INPUT_VERSION on $NIXL_OS\n", (&image(), &pins()));
    let output = std::process::Command::new("bash").arg("-c").arg(&after).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "it's 1 on debian-12\n");
}

#[test]
fn a_reboot_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut component = noded();
    component.install = "reboot_once the kernel is old\n".to_owned();
    let text = render(&component, &store(), &image(), &pins()).unwrap();
    assert!(text.contains("name: clean"), "the mark goes, too");
    let mark = format!("{FOLDER}/nixl-noded/rebooted");
    let script = script(&component, None, &component.install, (&image(), &pins()))
        .replace(&mark, &folder.path().join("a/rebooted").to_string_lossy());
    let run = || std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(run().status.code(), Some(194));
    let again = run();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("the kernel is old"));
}

/// Serves one file on loopback, over and over, and the sum it should have.
fn served(content: &'static [u8]) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.tar", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                content.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(content);
        }
    });
    url
}

/// Runs the fetch step of a component with one download, pinned like this.
fn fetch(url: &str, size_bytes: u64, sha256: Sum) -> (tempfile::TempDir, std::process::Output) {
    let mut component = noded();
    let download = crate::content::Download {
        name: "a.tar".to_owned(),
        version: "1".to_owned(),
        url: url.to_owned(),
    };
    component.downloads.push(download);
    let mut pins = pins();
    let key = ("nixl-noded".to_owned(), "a.tar".to_owned());
    pins.downloads.insert(key, crate::lock::Pin { size_bytes, sha256 });
    let text = render(&component, &store(), &image(), &pins).unwrap();
    let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    let steps = document["phases"][0]["steps"].as_sequence().unwrap();
    let step = steps.iter().find(|step| step["name"] == "fetch").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let script = step["inputs"]["commands"][0].as_str().unwrap();
    let here = format!("cd {}\n", folder.path().display());
    let script = script.replace("cd /var/lib/nixl-bake/nixl-noded\n", &here);
    let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    (folder, output)
}

#[test]
fn what_is_downloaded_is_what_the_lock_names_or_the_build_ends() {
    let content = b"a real archive";
    let url = served(content);
    let (size, sum) = (content.len() as u64, Sum::of(content));
    let (folder, output) = fetch(&url, size, sum);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read(folder.path().join("a.tar")).unwrap(), content);

    let told = |size, sum| {
        let (folder, output) = fetch(&url, size, sum);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(!folder.path().join("a.tar").exists(), "it must not be used by the next step");
        String::from_utf8(output.stderr).unwrap()
    };
    let wrong = told(size, Sum::of(b"another"));
    assert!(wrong.contains(&format!("SHA-256 {}, recipe.lock says", sum.hex())), "{wrong}");
    assert!(told(size + 1, sum).contains("14 bytes, recipe.lock says 15"));
    assert!(told(size - 1, sum).contains("not downloaded (curl's exit code 63)"));
}

proptest::proptest! {
    // Each case starts a shell or renders tens of kilobytes.
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn a_value_arrives_in_the_shell_as_it_was_written(text in "\\PC{0,40}") {
        let output = std::process::Command::new("bash")
            .args(["-c", &format!("printf %s {}", quoted(&text))])
            .output()
            .unwrap();
        proptest::prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
    }

    #[test]
    fn what_is_rendered_is_never_longer_than_the_service_takes(lines in 0usize..9000) {
        let mut component = noded();
        component.install.push_str(&"# filler\n".repeat(lines));
        match render(&component, &store(), &image(), &pins()) {
            Ok(text) => proptest::prop_assert!(text.len() <= MAX_BYTES),
            Err(error) => proptest::prop_assert!(error.to_string().contains("65536") && lines > 3000),
        }
    }
}

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(20);
const BOTH: [&str; 2] = ["nixl", "vllm"];

/// A program in place of Python.
fn scripted(script: &str) -> (TempDir, Interpreter) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("python3");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, Interpreter { path, meant: true })
}

/// `name: code evidence`, `name: pass value` or `name: skip why`.
fn told(interpreter: &Interpreter, packages: &[&str], within: Duration) -> Vec<String> {
    lines(readings(interpreter, packages, false, within))
}

fn lines(readings: Vec<(&'static str, Looked)>) -> Vec<String> {
    let line = |(name, looked): (&str, Looked)| match looked {
        Looked::Skipped(why) => format!("{name}: skip {why}"),
        Looked::Told(Reading { reason: Some((reason, evidence)), .. }) => {
            format!("{name}: {} {evidence}", reason.code)
        }
        Looked::Told(reading) => {
            let value = reading.value.unwrap();
            format!("{name}: pass {}", value.as_str().unwrap())
        }
    };
    readings.into_iter().map(line).collect()
}

fn says(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("echo '{PREFIX}{line}'\n")).collect()
}

const PYTHON: &str = r#"{"what":"python","state":"found","version":"3.12.1"}"#;

#[test]
fn both_imported_with_their_versions_and_plugins() {
    let (folder, python) = scripted(&says(&[
        PYTHON,
        r#"{"what":"nixl","state":"found","version":"0.7.0"}"#,
        r#"{"what":"nixl","state":"imported","version":"0.7.0"}"#,
        r#"{"what":"plugins","state":"imported","plugins":["LIBFABRIC","UCX","POSIX"]}"#,
        r#"{"what":"vllm","state":"imported","version":"0.11.0"}"#,
    ]));
    let of = format!("in {}/python3 (3.12.1)", folder.path().display());
    let expected = [
        format!("nixl:import: pass 0.7.0 {of}"),
        "nixl:plugins: pass LIBFABRIC, UCX, POSIX".to_owned(),
        format!("vllm:import: pass 0.11.0 {of}"),
    ];
    assert_eq!(told(&python, &BOTH, SOON), expected);
    assert_eq!(told(&python, &["vllm"], SOON).len(), 1, "only what is asked for");
}

#[test]
fn a_plugin_that_is_not_there_is_named() {
    let imported = r#"{"what":"nixl","state":"imported","version":"0.7.0"}"#;
    let ucx = r#"{"what":"plugins","state":"imported","plugins":["UCX"]}"#;
    let (_folder, python) = scripted(&says(&[PYTHON, imported, ucx]));
    let lines = told(&python, &["nixl"], SOON);
    assert_eq!(
        lines[1],
        "nixl:plugins: check.nixl_plugin_missing LIBFABRIC is missing; NIXL finds UCX"
    );
    let over_efa = super::readings(&python, &["nixl"], true, SOON);
    let line = &self::lines(over_efa)[1];
    assert!(line.starts_with("nixl:plugins: check.nixl_libfabric_missing LIBFABRIC"), "{line}");
    let failed = r#"{"what":"plugins","state":"failed","why":"RuntimeError: No plugins"}"#;
    let (_folder, python) = scripted(&says(&[PYTHON, imported, failed]));
    assert!(told(&python, &["nixl"], SOON)[1].contains("check.nixl_broken"));
}

#[test]
fn what_is_missing_fails_only_where_it_is_meant_to_be() {
    let script = says(&[
        PYTHON,
        r#"{"what":"nixl","state":"missing"}"#,
        r#"{"what":"vllm","state":"missing"}"#,
    ]);
    let (_folder, python) = scripted(&script);
    let lines = told(&python, &BOTH, SOON);
    assert!(lines[0].starts_with("nixl:import: check.nixl_missing not installed in"), "{lines:?}");
    assert!(lines[1].starts_with("vllm:import: check.vllm_missing"), "{lines:?}");
    let lines = told(&Interpreter { meant: false, ..python }, &BOTH, SOON);
    assert!(lines[0].starts_with("nixl:import: skip not installed"), "{lines:?}");
    assert!(lines[0].contains("pip install nixl"), "how to get it: {lines:?}");
}

#[test]
fn an_import_that_fails_hangs_or_crashes_is_told_and_the_other_too() {
    let nixl = r#"{"what":"nixl","state":"failed","why":"ImportError: libcuda.so.1"}"#;
    let vllm = r#"{"what":"vllm","state":"found","version":"1"}"#;
    let begin = says(&[PYTHON, nixl, vllm]);
    let (_folder, python) = scripted(&format!("{begin}sleep 60"));
    let lines = told(&python, &BOTH, Duration::from_millis(500));
    assert!(
        lines[0].contains("check.nixl_broken in") && lines[0].ends_with("libcuda.so.1"),
        "{lines:?}"
    );
    assert!(lines[1].contains("check.vllm_broken"), "{lines:?}");
    assert!(lines[1].ends_with("while importing it, Python took longer than 0.5 s"), "{lines:?}");

    let (_folder, python) = scripted(&format!("{begin}echo 'free(): invalid' >&2; kill -ABRT $$"));
    let lines = told(&python, &BOTH, SOON);
    assert!(lines[1].contains("ended with signal: 6"), "{lines:?}");
    assert!(lines[1].ends_with("last words: free(): invalid"), "{lines:?}");
}

#[test]
fn nonsense_and_no_python_are_told_as_what_they_are() {
    let (_folder, python) =
        scripted("echo nixl-check '{\"what\":7}'; echo 'nixl-check x'; echo hello");
    let lines = told(&python, &BOTH, SOON);
    for line in &lines {
        assert!(
            line.contains("check.python_broken") && line.contains("without a word of ours"),
            "{line}"
        );
    }
    let nowhere = PathBuf::from("/nonexistent/python3");
    let lines = told(&Interpreter { path: nowhere.clone(), meant: true }, &BOTH, SOON);
    assert!(
        lines[0].starts_with("nixl:import: check.python_missing /nonexistent/python3"),
        "{lines:?}"
    );
    let lines = told(&Interpreter { path: nowhere, meant: false }, &BOTH, SOON);
    assert!(lines[0].starts_with("nixl:import: skip this node has no Python"), "{lines:?}");
}

#[test]
fn the_interpreter_is_the_one_named_or_the_images_or_the_systems() {
    let root = tempfile::tempdir().unwrap();
    let find = |named: Option<&str>| Interpreter::find(named.map(Path::new), root.path());
    assert_eq!(find(None), Interpreter { path: "python3".into(), meant: false });
    let image = root.path().join(IMAGE_PYTHON);
    fs::create_dir_all(image.parent().unwrap()).unwrap();
    fs::write(&image, "").unwrap();
    assert_eq!(find(None), Interpreter { path: image, meant: true });
    assert_eq!(find(Some("/x")), Interpreter { path: "/x".into(), meant: true });
}

/// The script itself, in a real Python with packages made for this.
#[test]
fn a_real_python_imports_what_it_is_told_to() {
    let venv = tempfile::tempdir().unwrap();
    let made =
        Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(venv.path()).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("not tried: this computer has no python3 with venv");
        return;
    }
    let python = Interpreter { path: venv.path().join("bin/python3"), meant: true };
    let lines = told(&python, &BOTH, SOON);
    assert!(
        lines[0].contains("check.nixl_missing") && lines[1].contains("check.vllm_missing"),
        "{lines:?}"
    );

    let site = fs::read_dir(venv.path().join("lib")).unwrap().next().unwrap().unwrap();
    let site = site.path().join("site-packages");
    let package = |name: &str, version: &str, files: &[(&str, &str)]| {
        let info = site.join(format!("{name}-{version}.dist-info"));
        fs::create_dir_all(&info).unwrap();
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        fs::write(info.join("METADATA"), metadata).unwrap();
        fs::create_dir_all(site.join(name)).unwrap();
        for (file, text) in files {
            fs::write(site.join(name).join(file), text).unwrap();
        }
    };
    let api = "class nixl_agent_config:\n    def __init__(self, backends): self.backends = backends\n\
        class nixl_agent:\n    def __init__(self, name, config): assert config.backends == []\n    \
        def get_plugin_list(self): return ['UCX', 'LIBFABRIC']\n";
    package("nixl", "0.7.0", &[("__init__.py", "print('chatter')"), ("_api.py", api)]);
    package("vllm", "0.11.0", &[("__init__.py", "import nonexistent_torch")]);
    let lines = told(&python, &BOTH, SOON);
    assert!(lines[0].starts_with("nixl:import: pass 0.7.0 in "), "{lines:?}");
    assert_eq!(lines[1], "nixl:plugins: pass UCX, LIBFABRIC");
    assert!(
        lines[2].ends_with("ModuleNotFoundError: No module named 'nonexistent_torch'"),
        "{lines:?}"
    );
}

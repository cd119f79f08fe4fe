//! Image builds.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nixl_local_region::backend::{BuildDocument, BuildNews, BuildSpec, Builder, Machines, May};
use nixl_local_region::build::NspawnBuilder;

use crate::ground::Ground;

fn component(text: &str) -> BuildDocument {
    BuildDocument {
        component_arn: "arn:aws:imagebuilder:us-east-1:123456789012:component/t/1.0.0/1".into(),
        name: "t".into(),
        document: text.into(),
        parameters: vec![("Greeting".into(), "hello".into())],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_runs_its_documents_and_boots() {
    let Some(ground) = Ground::new() else { return };
    let objects = ground.layout.state_dir().join("s3");
    std::fs::create_dir_all(objects.join("bucket/dir")).unwrap();
    std::fs::write(objects.join("bucket/dir/tool"), "#!/bin/sh\necho tool\n").unwrap();
    let text = r#"
schemaVersion: 1.0
parameters: [{Greeting: {type: string}}]
phases:
  - name: build
    steps:
      - {name: Folder, action: CreateFolder, inputs: [{path: /opt/t}]}
      - {name: Fetch, action: S3Download, inputs: [{source: 's3://bucket/dir/tool', destination: /opt/t/tool}]}
      - {name: FetchAll, action: S3Download, inputs: [{source: 's3://bucket/dir/*', destination: /tmp}]}
      - {name: Mode, action: SetFilePermissions, inputs: [{path: /opt/t/tool, permissions: '0755'}]}
      - {name: File, action: CreateFile, inputs: [{path: /opt/t/greeting, content: '{{ Greeting }}'}]}
      - {name: Flaky, action: ExecuteBash, maxAttempts: 2, inputs: {commands: ['[ -e /tmp/again ] || { touch /tmp/again; exit 1; }']}}
      - {name: Ignored, action: ExecuteBash, onFailure: Ignore, inputs: {commands: ['exit 1']}}
      - name: Units
        action: ExecuteBash
        inputs:
          commands:
            - set -eu
            - cmp /opt/t/tool /tmp/tool
            - rm -r /usr/share/doc/curl
            - touch /etc/ssh_seen; mkdir -p /etc/ssh; echo k > /etc/ssh/ssh_host_rsa_key
            - printf '[Service]\nType=oneshot\nExecStart=/opt/t/tool\nRemainAfterExit=yes\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/t.service
            - systemctl enable t.service
  - name: validate
    steps:
      - {name: Check, action: ExecuteBash, inputs: {commands: ['test "$(/opt/t/tool)" = tool && grep -qx hello /opt/t/greeting']}}
      - {name: Keep, action: S3Upload, inputs: [{source: /opt/t/greeting, destination: 's3://bucket/images/1/greeting'}]}
"#;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let tell = Arc::new(move |news: BuildNews| {
        if let BuildNews::Line(line) = news {
            seen.lock().unwrap().push(line);
        }
    });
    let builder = NspawnBuilder::new(&ground.layout);
    let spec = BuildSpec {
        build_id: "build-00000001".into(),
        parent: ground.base.clone(),
        documents: vec![component(text)],
        s3_root: objects.clone(),
        rules: Default::default(),
        may: May::everything(),
    };
    let image = builder.build(spec, tell).await.unwrap();
    assert_eq!(image.layers.len(), 2);
    let lines = lines.lock().unwrap().clone();
    let with = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    // Two attempts of one, and one that fails and is ignored.
    assert_eq!((with("Step "), with("CmdExecution: ExitCode 1")), (10, 2), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "TOE has completed execution successfully");
    assert!(image.layers[0].join("opt/t/greeting").exists());
    assert_eq!(std::fs::read_to_string(objects.join("bucket/images/1/greeting")).unwrap(), "hello");
    for gone in ["etc/ssh/ssh_host_rsa_key", "tmp/perform_cleanup", "etc/hostname"] {
        assert!(!image.layers[0].join(gone).exists(), "{gone}");
    }
    let resolver = image.layers[0].join("etc/resolv.conf");
    assert!(!resolver.exists() || std::fs::read(resolver).unwrap().is_empty());

    let (machines, _) = ground.machines();
    let id = "i-0000000000000005";
    let mut spec = ground.spec(id);
    spec.root = image.clone();
    machines.start(spec).await.unwrap();
    ground.until(id, "systemctl is-active t.service").await;
    assert!(
        !ground.sh(id, "ls /usr/share/doc/curl").0,
        "a deletion in the build is one in the image"
    );
    assert_eq!(ground.sh(id, "stat -c %a /tmp").1, "1777");
    machines.shutdown().await;
    builder.discard(&image, &[]).await;
    assert!(!image.layers[0].exists() && ground.base.layers[0].exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_step_is_told_where_and_why() {
    let Some(ground) = Ground::new() else { return };
    let builder = NspawnBuilder::new(&ground.layout);
    let run = async |commands: &str, id: &str| {
        let text = format!(
            "schemaVersion: 1.0\nparameters: [{{Greeting: {{type: string}}}}]\nphases: [{{name: build, steps: [{{name: S, action: ExecuteBash, timeoutSeconds: 2, inputs: {{commands: ['{commands}']}}}}]}}]"
        );
        let spec = BuildSpec {
            build_id: id.into(),
            parent: ground.base.clone(),
            documents: vec![component(&text)],
            s3_root: "/nowhere".into(),
            rules: Default::default(),
            may: May::everything(),
        };
        builder.build(spec, Arc::new(|_| {})).await.unwrap_err()
    };
    let failed = run("echo no libfabric here >&2; exit 3", "build-00000002").await;
    assert_eq!((failed.phase.as_str(), failed.step.as_str()), ("build", "S"));
    assert_eq!(failed.message, "no libfabric here\nexit status 3");
    let begun = Instant::now();
    let failed = run("sleep 60 & sleep 60", "build-00000003").await;
    assert!(failed.message.ends_with("timed out after 2 s"), "{}", failed.message);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(!ground.layout.build_dir("build-00000003").join("upper").exists());
    assert!(ground.layout.build_dir("build-00000003").join("log").exists());
}

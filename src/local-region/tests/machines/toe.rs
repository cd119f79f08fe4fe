//! Proofs of what the executor of component documents does.

use std::sync::Arc;

use nixl_local_region::backend::{BuildDocument, BuildSpec, Builder, Machines, May, TestInstance};
use nixl_local_region::build::NspawnBuilder;
use nixl_local_region::rules::Rules;

use crate::ground::Ground;

/// What there is to run: a document with one phase.
fn spec(ground: &Ground, rules: &Rules, phase: &str, steps: &str) -> BuildSpec {
    let document = format!("schemaVersion: 1.0\nphases:\n- name: {phase}\n  steps:\n{steps}");
    BuildSpec {
        build_id: format!("{phase}-00000004"),
        parent: ground.base.clone(),
        documents: vec![BuildDocument {
            component_arn: "arn:aws:imagebuilder:us-east-1:123456789012:component/t/1.0.0/1".into(),
            name: "t".into(),
            document,
            parameters: Vec::new(),
        }],
        s3_root: ground.layout.state_dir().join("s3"),
        may: May::everything(),
        rules: rules.clone(),
    }
}

/// Message of a build whose only document has these steps, or what its last step left in `/told`.
pub async fn built(ground: &Ground, rules: &Rules, steps: &str) -> Result<String, String> {
    let builder = NspawnBuilder::new(&ground.layout);
    let built = builder.build(spec(ground, rules, "build", steps), Arc::new(|_| {})).await;
    let image = built.map_err(|failure| failure.message)?;
    let told = std::fs::read_to_string(image.layers[0].join("told"));
    builder.discard(&image, &[]).await;
    told.map(|text| text.trim().to_owned()).map_err(|error| error.to_string())
}

/// A step that counts its runs in `/told` and ends with 194 until there are so many.
pub fn rebooting(times: u32) -> String {
    format!(
        "  - name: again\n    action: ExecuteBash\n    onFailure: Ignore\n    inputs: {{commands: ['echo x >> /told', '[ $(wc -l < /told) -gt {times} ] || exit 194']}}\n"
    )
}

/// A step that downloads, with a checksum.
pub fn download(url: &str, sum: &str) -> String {
    format!(
        "  - {{name: web, action: WebDownload, inputs: [{{source: '{url}', destination: /told, checksum: '{sum}', algorithm: SHA256}}]}}\n"
    )
}

/// Serves these bytes once for each request, on loopback; its URL.
pub async fn served(text: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/folder/told.txt", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(move || async move { text });
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reboot_action_goes_on_and_a_download_is_what_it_should_be() {
    let Some(ground) = Ground::new() else { return };
    let rules = Rules::default();
    let reboot = "  - {name: boot, action: Reboot, inputs: {delaySeconds: 0}}\n  - {name: on, action: ExecuteBash, inputs: {commands: ['echo on > /told']}}\n";
    assert_eq!(built(&ground, &rules, reboot).await.unwrap(), "on");
    let url = served("hello").await;
    let sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let right = download(&url, sum);
    assert_eq!(built(&ground, &rules, &right).await.unwrap(), "hello");
    // There with its checksum: the second URL, where nobody answers, is not asked.
    let twice = format!("{right}{}", download("http://127.0.0.1:9/x", sum).replace("web", "again"));
    assert_eq!(built(&ground, &rules, &twice).await.unwrap(), "hello");
    let kept = format!(
        "{right}{}",
        right.replace("web", "again").replace("/told,", "/told, overwrite: false,")
    );
    let why = built(&ground, &rules, &kept).await.unwrap_err();
    assert!(why.contains("exists and is not overwritten"), "{why}");
    let folder = right.replace("destination: /told", "destination: /new/folder/");
    let moved = format!(
        "{folder}  - {{name: mv, action: ExecuteBash, inputs: {{commands: ['mv /new/folder/told.txt /told']}}}}\n"
    );
    assert_eq!(built(&ground, &rules, &moved).await.unwrap(), "hello");
    let gone = built(&ground, &rules, &download("http://127.0.0.1:9/x", sum)).await.unwrap_err();
    assert!(gone.contains("127.0.0.1:9"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_runs_on_a_machine_that_reboots() {
    let Some(ground) = Ground::new() else { return };
    let objects = ground.layout.state_dir().join("s3/bucket");
    std::fs::create_dir_all(&objects).unwrap();
    std::fs::write(objects.join("tool"), "it's a tool\n").unwrap();
    let (machines, _) = ground.machines();
    let id = "i-0000000000000006";
    machines.start(ground.spec(id)).await.unwrap();
    ground.until(id, "true").await;
    let steps = r#"
  - {name: boot, action: ExecuteBash, inputs: {commands: ['cat /proc/sys/kernel/random/boot_id > /dev/null', 'echo x >> /var/runs', '[ $(wc -l < /var/runs) = 2 ] || { touch /run/gone; exit 194; }', '[ ! -e /run/gone ]']}}
  - {name: fetch, action: S3Download, inputs: [{source: 's3://bucket/tool', destination: /var/tool}]}
  - {name: keep, action: S3Upload, inputs: [{source: /var/tool, destination: 's3://bucket/back'}]}
  - {name: fails, action: ExecuteBash, inputs: {commands: ['echo no GPU here >&2', 'exit 3']}}
"#;
    let builder = NspawnBuilder::new(&ground.layout);
    let on = TestInstance { id: id.into(), machines: machines.clone() };
    let spec = spec(&ground, &Rules::default(), "test", steps);
    let failed = builder.test(spec, on, Arc::new(|_| {})).await.unwrap_err();
    assert_eq!((failed.phase.as_str(), failed.step.as_str()), ("test", "fails"));
    assert_eq!(failed.message, "no GPU here\nexit status 3");
    assert_eq!(ground.sh(id, "wc -l < /var/runs").1.trim(), "2");
    assert_eq!(std::fs::read_to_string(objects.join("back")).unwrap(), "it's a tool\n");
    machines.shutdown().await;
}

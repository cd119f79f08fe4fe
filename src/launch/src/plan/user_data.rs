//! User data: the template in `userdata/`, filled in.

use minijinja::{Environment, UndefinedBehavior, context};
use nixl_cluster::{NodeSettings, settings};

/// EC2's limit, before base64 (API reference, RunInstances).
pub const MAX_USER_DATA_BYTES: usize = 16 * 1024;

/// What YAML 1.1 takes for the end of a line and TOML does not escape.
const LINE_BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

const TEMPLATE: &str = include_str!("../../../../userdata/cloud-config.yaml");

/// Powers a machine off at its end; `extend` sends it to nodes with a new one.
pub const LIFETIME_SCRIPT: &str = include_str!("../../../../userdata/lifetime.sh");

/// The cloud-config that leaves `settings` on a node.
///
/// # Errors
/// If it cannot be rendered, is too long or holds a character that would not arrive.
pub fn user_data(settings: &NodeSettings) -> Result<String, String> {
    let text = toml::to_string(settings).map_err(|error| error.to_string())?;
    if let Some(found) = text.chars().find(|c| LINE_BREAKS.contains(c)) {
        return Err(format!("U+{:04X} in the node's settings ends a line in YAML", found as u32));
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut rendered = environment
        .render_str(
            TEMPLATE,
            context! {
                lifetime => LIFETIME_SCRIPT.trim_end(),
                path => settings::PATH,
                settings => text.trim_end(),
                ttl_secs => settings.ttl_secs.map(|secs| secs.to_string()).unwrap_or_default(),
            },
        )
        .map_err(|error| error.to_string())?;
    // The engine drops a template's last newline.
    rendered.push('\n');
    if rendered.len() > MAX_USER_DATA_BYTES {
        return Err(format!("{} bytes, the limit is {MAX_USER_DATA_BYTES}", rendered.len()));
    }
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::Provider;
    use proptest::prelude::*;

    fn written(settings: &NodeSettings) -> NodeSettings {
        let text = user_data(settings).unwrap();
        assert!(text.starts_with("#cloud-config\n"));
        assert!(text.len() < MAX_USER_DATA_BYTES / 2, "{} bytes", text.len());
        let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
        let boot = document["bootcmd"][0].as_str().unwrap();
        let script = boot.strip_prefix("(\nttl_secs=").unwrap().strip_suffix("\n)\n").unwrap();
        let (ttl, script) = script.split_once('\n').unwrap();
        assert_eq!(ttl.parse().ok(), settings.ttl_secs);
        assert_eq!(script, LIFETIME_SCRIPT.trim_end());
        let file = &document["write_files"][0];
        assert_eq!(file["path"], "/etc/nixl/node.toml");
        assert_eq!(file["permissions"], "0644");
        toml::from_str(file["content"].as_str().unwrap()).unwrap()
    }

    proptest! {
        /// Whatever the settings say arrives unchanged through TOML in YAML, or is refused.
        #[test]
        fn settings_arrive(
            size in 2u32..5000,
            prefill: Option<u32>,
            arn in proptest::option::of("\\PC{0,64}"),
            ttl_secs in proptest::option::of(0..=i64::MAX as u64),
        ) {
            let settings = NodeSettings {
                prefill,
                mlflow_tracking_arn: arn,
                ttl_secs,
                ..NodeSettings::new(Default::default(), size, Provider::Efa)
            };
            let breaks = |arn: &String| arn.contains(LINE_BREAKS);
            if settings.mlflow_tracking_arn.as_ref().is_some_and(breaks) {
                prop_assert!(user_data(&settings).is_err());
            } else {
                prop_assert_eq!(written(&settings), settings);
            }
        }
    }

    #[test]
    fn what_would_not_arrive_is_refused() {
        let settings = NodeSettings {
            mlflow_tracking_arn: Some("a\u{2028}b".to_owned()),
            ..NodeSettings::new(Default::default(), 2, Provider::Tcp)
        };
        assert!(user_data(&settings).unwrap_err().contains("U+2028"));
    }

    #[test]
    fn too_much_is_refused_before_ec2_does() {
        let settings = NodeSettings {
            mlflow_tracking_arn: Some("x".repeat(MAX_USER_DATA_BYTES)),
            ..NodeSettings::new(Default::default(), 2, Provider::Tcp)
        };
        assert!(user_data(&settings).unwrap_err().contains("16384"));
    }
}

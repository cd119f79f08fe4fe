//! Proofs of the rules of what a build may reach, and of the image that comes of it.

use super::imagebuilder::{described, distribution, document, image_of, named};
use super::{Case, case, iam, managed_nodes, same};
use crate::rules::imagebuilder as rules;
use crate::testing::Bench;
use serde_json::{Value, json};

/// All of them.
pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::KMS_KEY, async |bench: Bench| {
            let mut wanted = named("nixl {{ imagebuilder:buildDate }}");
            wanted["amiDistributionConfiguration"]["kmsKeyId"] = json!("alias/nixl");
            let (_, made) = distribution(&bench, wanted).await;
            let distribution = made["distributionConfigurationArn"].clone();
            let more = json!({"distributionConfigurationArn": distribution});
            let arn = image_of(&bench, &document("true"), "1.0.0", more).await?;
            let ami = described(&bench, &arn).await["outputResources"]["amis"][0]["image"].clone();
            let state = bench.region.inner.state();
            let key = state.ec2.images[ami.as_str().unwrap_or_default()].kms_key.clone();
            same(key.as_deref(), Some("alias/nixl"))
        }),
        case(&rules::BUILD_ROLE, async |bench: Bench| {
            managed_nodes::role(&bench, "builder", &[]).await;
            let get = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"});
            iam::allow(&bench, "builder", get).await;
            let one = "{name: a, action: S3Download, inputs: [{source: 's3://b/k', destination: /tmp/k}]}";
            let all = one.replace("b/k'", "b/k/*'");
            let up = "{name: a, action: S3Upload, inputs: [{source: /k, destination: 's3://b/k'}]}";
            let built = async |step: &str, version: &str| {
                let head = "schemaVersion: 1.0\nphases:\n- name: build\n  steps:\n  - ";
                let arn = image_of(&bench, &format!("{head}{step}\n"), version, json!({})).await?;
                let state = described(&bench, &arn).await["state"].clone();
                Ok::<_, String>(state["failureContext"]["componentFailure"]["errorMessage"].clone())
            };
            same(built(one, "1.0.0").await?, Value::Null)?;
            let told = built(&all, "1.0.1").await?.to_string();
            same(
                told.contains(
                    "not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::b ",
                ),
                true,
            )?;
            same(built(up, "1.0.2").await?.to_string().contains("s3:PutObject"), true)
        }),
    ]
}

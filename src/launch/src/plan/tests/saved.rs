//! A plan that is kept in a file.

use super::*;

#[test]
fn a_saved_plan_is_the_same_until_something_changes() {
    let facts = facts();
    let saved = ready(&spec(), &facts);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    saved.save(&path).unwrap();
    assert_eq!(Plan::load(&path).unwrap(), saved);
    let now = |facts: &Facts| saved.unchanged(&plan(&saved.pinned(), facts));
    assert_eq!(now(&facts), Ok(()));
    // A newer image and a further zone are not in the plan.
    let mut more = facts.clone();
    more.images.push(baked("ami-newer", "2026-03-01"));
    more.types[0].zones.push("us-east-1c".to_owned());
    assert_eq!(now(&more), Ok(()));
    let mut gone = facts.clone();
    gone.subnets.retain(|subnet| subnet.zone != "us-east-1a");
    let text = now(&gone).unwrap_err().to_string();
    assert!(text.contains("attempts") && text.contains("+ nothing"), "{text}");
    let mut without = facts;
    without.images.retain(|image| image.id != "ami-new");
    assert!(now(&without).unwrap_err().to_string().contains("image"));
    std::fs::write(&path, "{\"version\": 99}").unwrap();
    assert!(Plan::load(&path).unwrap_err().to_string().contains("version 99"));
}

#[test]
fn a_plan_whose_app_was_made_since_is_the_same() {
    let facts = facts();
    let saved = ready(&spec(), &facts);
    assert!(saved.tracking.is_unknown() && saved.user_data.contains(UNKNOWN_APP));
    let mut made = facts;
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-1";
    made.tracking.apps =
        vec![Mlflow { arn: arn.to_owned(), is_active: true, ..Default::default() }];
    let now = plan(&saved.pinned(), &made);
    assert!(now.user_data.contains(arn));
    assert_eq!(saved.unchanged(&now), Ok(()));
    assert!(now.unchanged(&saved).is_err(), "one that is gone is a change");
}

//! One pair, end to end: bake, launch, pair, look, break, mend, take down.

mod bake;
mod inputs;
mod launch;
mod leftovers;
mod mlflow;
mod node;
mod tracking;

use nixl_tests::{Region, Story};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut story = Story::begin("pair");
    let before = leftovers::Snapshot::take();
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };

    story.check("with no region up, every program says what to do", || {
        inputs::region_not_up(&region)
    });
    story.step("the region comes up", || region.up());
    story.check("up again is fine", || region.up());
    story.check("without an image, launch says to bake one", || inputs::no_image(&region));
    story.check("bad input is told in a line", || inputs::bad_input(&region));
    story.step("an image is baked", || bake::build(&region));
    story.step("unchanged, nothing is baked", || bake::again(&region));
    let pair = story.step("a pair is launched and paired", || launch::up(&region));
    if let Some(pair) = pair {
        story.check("a second up finds the same pair", || launch::again(&region, &pair));
        story.check("status shows it", || launch::status(&region, &pair));
        story.check("the image is as the recipe says", || bake::image_in_machine(&region));
        story.check("health passes on both nodes", || node::health(&region));
        story.check("the link is measured when somebody asks", || node::link(&region));
        story.check("the environment names the tracking server", || {
            node::environment(&region, &pair)
        });
        story.check("the journal has fields", || node::journal(&region, &pair));
        story.check("the daemon is confined", || node::confined(&region));
        story.check("cloud-init liked its user data", || node::cloud_init(&region));
        story.check("a node may tag itself only", || node::self_only_tags(&region, &pair));
        story.check("a node keeps artifacts and deletes none", || node::artifacts(&region));
        story.check("the AWS CLI sees what AWS would show", || {
            launch::seen_by_the_aws_cli(&region, &pair)
        });
        story
            .step("a presigned URL opens the MLflow UI once", || mlflow::presigned(&region, &pair));
        story.check("a presigned URL dies when its time is up", || mlflow::expires(&region));
        story.check("an MLflow test passes on a node", || tracking::tested(&region));
        story.check("it needs no login, and sudo's users no token", || {
            tracking::without_a_login(&region)
        });
        story.check("each node logged its link as a run", || tracking::link_runs(&region));
        story.check("a node hands out each URL once", || mlflow::from_the_node(&region));
        story.check("no URL, token or key is in logs or health", || mlflow::secrets(&region));
        story.check("kill -9 of a daemon: paired again within 3 s", || node::kill(&region));
        story.check("a taken port is named with its owner", || inputs::taken_port(&region));
        story.check("a node reboots and is paired again", || node::reboot(&region));
        story.step("launch down leaves nothing in the region", || launch::down(&region));
        story.check("a second down has nothing to do", || launch::down_again(&region));
    }
    if story.failed() {
        story.always("what the region and the nodes said", || node::tell(&region));
    }
    story.always("region down", || region.down());
    story.step("nothing is left on this computer", || before.compare());
    for (when, happening) in leftovers::HAPPENING {
        let name = format!("after kill -9 of the region {when}, down leaves nothing");
        story.step(&name, || {
            leftovers::killed(&mut region, *happening)?;
            before.compare()
        });
    }
    // The AWS CLI asks for a URL that lives too long.
    story.check("every request and answer fits botocore's models", || region.judged("aws-cli"));
    drop(region);
    story.end()
}

//! One pair, end to end: bake, launch, pair, look, break, mend, take down.

mod bake;
mod inputs;
mod launch;
mod leftovers;
mod mlflow;
mod node;

use nixl_tests::{Region, Story};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut story = Story::begin("pair");
    let before = leftovers::Snapshot::take();
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };

    story.step("with no region up, every program says what to do", || inputs::region_not_up(&region));
    story.step("the region comes up", || region.up());
    story.step("up again is fine", || region.up());
    story.step("without an image, launch says to bake one", || inputs::no_image(&region));
    story.step("bad input is told in a line", || inputs::bad_input(&region));
    story.step("an image is baked", || bake::build(&region));
    story.step("unchanged, nothing is baked", || bake::again(&region));
    let pair = story.step("a pair is launched and paired", || launch::up(&region));
    if let Some(pair) = pair {
        story.step("a second up finds the same pair", || launch::again(&region, &pair));
        story.step("status shows it", || launch::status(&region, &pair));
        story.step("the image is as the recipe says", || bake::image_in_machine(&region));
        story.step("health passes on both nodes", || node::health(&region));
        story.step("the environment names the tracking server", || node::environment(&region, &pair));
        story.step("the journal has fields", || node::journal(&region, &pair));
        story.step("the daemon is confined", || node::confined(&region));
        story.step("cloud-init liked its user data", || node::cloud_init(&region));
        story.step("a node may tag itself only", || node::self_only_tags(&region, &pair));
        story.step("the AWS CLI sees what AWS would show", || launch::seen_by_the_aws_cli(&region, &pair));
        story.step("a presigned URL opens the MLflow UI once", || mlflow::presigned(&region, &pair));
        story.step("a presigned URL dies when its time is up", || mlflow::expires(&region));
        story.step("a node hands out each URL once", || mlflow::from_the_node(&region));
        story.step("no URL, token or key is in logs or health", || mlflow::secrets(&region));
        story.step("kill -9 of a daemon: paired again within 3 s", || node::kill(&region));
        story.step("a taken port is named with its owner", || inputs::taken_port(&region));
        story.step("a node reboots and is paired again", || node::reboot(&region));
        story.step("launch down leaves nothing in the region", || launch::down(&region));
        story.step("a second down has nothing to do", || launch::down_again(&region));
    }
    if story.failed() {
        story.always("what the region and the nodes said", || node::tell(&region));
    }
    story.always("region down", || region.down());
    story.step("nothing is left on this computer", || before.compare());
    story.step("after kill -9 of the region, down leaves nothing", || {
        leftovers::killed_region(&mut region)?;
        before.compare()
    });
    drop(region);
    story.end()
}

//! The programs against a region that fails as AWS fails: full zones, lost
//! answers, throttling, lag, cut and slow links, machines that die.

mod bake;
mod launch;
mod link;
mod region_faults;

use nixl_tests::{Region, Story};
use region_faults::Faults;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut story = Story::begin("faults");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.step("the region comes up", || region.up());
    let faults = Faults::new(&region);
    story.step("throttled and with a lost answer, one image is baked", || bake::once(&faults));
    let launched = story
        .step("past a full zone, lag and lost answers, one pair is launched", || {
            launch::up(&faults)
        });
    if launched.is_some() {
        story.check("calls are told with their round trips", || launch::told(&region));
        story.check("cut off, the nodes say so; healed, they pair", || link::cut(&region));
        story.check("without its egress rule the fabric stops", || link::egress_rule(&region));
        story.check("a slow link is measured as slow", || link::slow(&region));
        story.check("after a power cut the pair comes back", || link::power_cut(&region));
        story.step("past busy resources and lost answers, down removes all", || {
            launch::down(&faults)
        });
    }
    story.check("nodes dead on arrival give way to others", || launch::dead(&faults));
    story.check("over the quota nothing is launched", || launch::over_quota(&faults));
    if story.failed() {
        story.always("what the region said", || tell(&region));
    }
    story.always("region down", || region.down());
    story.check("every request and answer fits botocore's models", || region.judged("nixl"));
    drop(region);
    story.end()
}

fn tell(region: &Region) -> anyhow::Result<()> {
    for args in [vec!["status"], vec!["fault", "list"], vec!["calls", "--failed"], vec!["logs"]] {
        let told = region.control().run(&args)?.to_string();
        let lines: Vec<_> = told.lines().collect();
        println!("{}", lines[lines.len().saturating_sub(80)..].join("\n"));
    }
    Ok(())
}

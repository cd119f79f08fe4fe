//! MLflow on SageMaker, as every client meets it: the real server behind an API
//! that verifies signatures, both kinds of resources, the real clients.
//!
//! To add a step: write it as a function of a file of its subject beside this
//! one and call it below. `story.step` is what later steps rest on,
//! `story.check` a look. [`Ground`] has the region, a tracking server and an App
//! that can be used, and `ground.session` gives keys of a role that may do
//! certain actions only. What needs nodes goes behind "a node that tracks".
//! Scripts in Python stand beside this file; they print a JSON document and
//! `Ground::client` (with AWS's plugin) or `Ground::plain` runs them.

mod endpoint;
mod front;
mod ground;
mod idle;

use endpoint::Endpoint;
use ground::Ground;
use nixl_tests::{Region, Story};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut story = Story::begin("mlflow");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.step("the region comes up", || region.up());
    let ground = story.step("a tracking server and an App come up", || Ground::lay(&region));
    if let Some(ground) = &ground {
        for arn in [&ground.server, &ground.app] {
            let kind = arn.split([':', '/']).nth(5).unwrap_or_default();
            story.check(&format!("AWS's plugin tracks on a {kind}"), || front::plugin(ground, arn));
            story.check(
                &format!("signed by hand, a {kind} answers, and refuses what is wrong"),
                || front::by_hand(ground, arn),
            );
        }
        story.check("a missing action is told", || front::without_action(ground));
        story.check("a session token that is missing or over opens nothing", || {
            front::session_tokens(ground)
        });
        story.check("more than 25 calls a second are refused with 429", || front::rate(ground));
        story.check("a fault reaches MLflow's API", || front::fault(ground));
        story.check("a large artifact streams through, a forged one is not kept", || {
            front::large_artifact(ground)
        });
        through_the_endpoint(&mut story, ground);
        story.check("a server that is stopped says so, and comes back with its runs", || {
            front::stopped(ground)
        });
        story.check("a tracking server without nodes stops by itself", || idle::stops(&region));
    }
    if story.failed() {
        story.always("what the region said", || {
            println!("{}", region.control().run(&["logs"])?);
            Ok(())
        });
    }
    story.always("region down", || region.down());
    story.check("every request and answer fits botocore's models", || region.judged("nobody"));
    drop(region);
    story.end()
}

/// What clients on a node do, without a node: the endpoint is a process of its own.
fn through_the_endpoint(story: &mut Story, ground: &Ground<'_>) {
    let server = story.check("the endpoint of a tracking server starts", || {
        Endpoint::start(ground, &ground.server, &ground.session(front::TRACKING)?)
    });
    if let Some(server) = server {
        story
            .check("MLflow's client without plugin and keys tracks through it", || server.tracks());
        story.check("traces of MLflow 3 pass", || server.traces());
        story.check("a large artifact passes in both directions, signed", || server.streams(false));
        story.check("who may not is refused", || server.refuses());
    }
    let rule = "mlflow.api.unsigned-payload";
    let streaming = story.check("an endpoint starts where bodies need no signature", || {
        ground.region.control().ok(&["set", "rule", rule, "off"])?;
        Endpoint::start(ground, &ground.server, &ground.session(front::TRACKING)?)
    });
    if let Some(streaming) = streaming {
        story.check("a large artifact is sent on while it comes", || streaming.streams(true));
        story.always("bodies are signed again", || {
            ground.region.control().ok(&["set", "rule", rule, "on"])?;
            Ok(())
        });
    }
    let app = story.check("the endpoint of an App starts", || {
        Endpoint::start(ground, &ground.app, &ground.session(front::APP)?)
    });
    if let Some(app) = app {
        story.check("the client tracks on the App", || app.tracks());
    }
}

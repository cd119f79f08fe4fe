//! Faults in the tags of a node that runs on: an identity, an endpoint or an older
//! pair of both is written over its own, as by a person who may do more than a
//! node. Tags are read when a peer is looked for, so the peer's daemon is started
//! anew; that it then refuses, and does not just come back, is the tag's doing.

use crate::NODES;
use crate::acts::{PATIENCE, Times, another};
use crate::matrix::SETTLED;
use crate::watch::Watch;
use anyhow::{Context, Result};
use nixl_cluster::{EndpointRecord, IdentityRecord, tag};
use nixl_tests::{Region, wait_for};
use serde_json::{Value, json};
use std::time::Instant;

/// What only tags that do not fit make a peer say.
pub const REFUSED: &[&str] = &["pair.peer_refused"];

/// The tags of one node, edited from outside.
struct Tags<'a> {
    region: &'a Region,
    node: &'static str,
}

impl Tags<'_> {
    fn instance(&self) -> Result<Value> {
        let name = format!("Name=tag:Name,Values={}", self.node);
        let live = "Name=instance-state-name,Values=running";
        let aws = self.region.venv_program("aws");
        let found = aws.json(&["ec2", "describe-instances", "--filters", &name, live])?;
        Ok(found["Reservations"][0]["Instances"][0].clone())
    }

    fn read(&self, key: &str) -> Result<String> {
        let instance = self.instance()?;
        let mut tags = instance["Tags"].as_array().into_iter().flatten();
        let tag = tags.find(|tag| tag["Key"] == key);
        let value = tag.and_then(|tag| tag["Value"].as_str());
        value.map(str::to_owned).with_context(|| format!("{} has no tag {key}", self.node))
    }

    fn write(&self, values: &[(&str, &str)]) -> Result<()> {
        let instance = self.instance()?;
        let id = instance["InstanceId"].as_str().context("no instance id")?;
        let tag = |(key, value): &(&str, &str)| json!({ "Key": key, "Value": value });
        let tags = Value::from_iter(values.iter().map(tag)).to_string();
        let aws = self.region.venv_program("aws");
        aws.ok(&["ec2", "create-tags", "--resources", id, "--tags", &tags]).map(drop)
    }

    /// Writes the wrong values, lets the peer read them, and once it has refused
    /// this node puts the right ones back. Pairing again counts from the order to do
    /// so, so the second that the AWS CLI takes to start is in it.
    fn spoil(
        &self,
        watch: &Watch,
        wrong: &[(&str, &str)],
        right: &[(&str, &str)],
    ) -> Result<Times> {
        self.write(wrong)?;
        let begun = Instant::now();
        let told = self
            .region
            .exec_ok(NODES[1], &["systemctl", "restart", "nixl-noded"])
            .and_then(|_| watch.await_words(&[1], REFUSED, begun));
        let over = Instant::now();
        self.write(right)?;
        told.map(|()| Times { begun, over })
    }
}

/// The key is the other node's: a valid one, and not of who answers.
pub fn wrong_key(region: &Region, watch: &Watch) -> Result<Times> {
    let tags = Tags { region, node: NODES[0] };
    let right = tags.read(tag::IDENTITY)?;
    let other = Tags { region, node: NODES[1] }.read(tag::IDENTITY)?.parse::<IdentityRecord>()?;
    let own = right.parse::<IdentityRecord>()?;
    let wrong = IdentityRecord { public_key: other.public_key, ..own }.to_string();
    tags.spoil(watch, &[(tag::IDENTITY, &wrong)], &[(tag::IDENTITY, &right)])
}

/// Identity and address of an earlier life of the daemon, put back.
pub fn old_epoch(region: &Region, watch: &Watch) -> Result<Times> {
    let tags = Tags { region, node: NODES[0] };
    let old = (tags.read(tag::IDENTITY)?, tags.read(tag::ENDPOINT)?);
    region.exec_ok(NODES[0], &["systemctl", "restart", "nixl-noded"])?;
    another("another identity", &old.0, || tags.read(tag::IDENTITY))?;
    let begun = Instant::now();
    wait_for("a pair of the new life", PATIENCE, || watch.well_since(begun, SETTLED))?;
    let now = (tags.read(tag::IDENTITY)?, tags.read(tag::ENDPOINT)?);
    let both = |(identity, endpoint): &(String, String)| {
        [(tag::IDENTITY, identity.clone()), (tag::ENDPOINT, endpoint.clone())]
    };
    let (old, now) = (both(&old), both(&now));
    tags.spoil(watch, &borrowed(&old), &borrowed(&now))
}

fn borrowed<'a>(tags: &'a [(&'a str, String); 2]) -> [(&'a str, &'a str); 2] {
    tags.each_ref().map(|(key, value)| (*key, value.as_str()))
}

/// The node's own network address with a port where nobody listens.
pub fn other_address(region: &Region, watch: &Watch) -> Result<Times> {
    let tags = Tags { region, node: NODES[0] };
    let right = tags.read(tag::ENDPOINT)?;
    let mut wrong = right.parse::<EndpointRecord>()?;
    // Bytes 2 and 3 of a sockaddr are the port.
    *wrong.address.get_mut(3).context("no sockaddr")? ^= 1;
    let wrong = wrong.to_string();
    tags.spoil(watch, &[(tag::ENDPOINT, &wrong)], &[(tag::ENDPOINT, &right)])
}

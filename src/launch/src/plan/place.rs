//! Image and zones.

use super::{Facts, Finding, Wish};
use nixl_aws::Tag;
use nixl_aws::ec2::{Image, Subnet};
use nixl_cluster::tag;

/// A zone to try, and the subnet in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Zone name.
    pub zone: String,
    /// Subnet.
    pub subnet_id: String,
}

/// The image named, or the newest baked one.
pub(super) fn image(wish: &Wish, facts: &Facts) -> Result<Image, Finding> {
    if let Some(ami) = &wish.ami {
        let image = facts.images.iter().find(|image| image.id == *ami);
        let image = image.ok_or_else(|| Finding::ImageMissing { ami: ami.clone() })?;
        if image.state != "available" {
            return Err(Finding::ImageState { ami: ami.clone(), state: image.state.clone() });
        }
        return Ok(image.clone());
    }
    facts
        .images
        .iter()
        .filter(|i| i.state == "available" && Tag::find(&i.tags, tag::DIGEST).is_some())
        // RFC 3339 in UTC sorts as text; the id settles a tie.
        .max_by_key(|image| (&image.creation_date, &image.id))
        .cloned()
        .ok_or(Finding::NoImage)
}

/// The VPC and the places to try, in order of zone name.
pub(super) fn places(wish: &Wish, facts: &Facts) -> Result<(String, Vec<Place>), Finding> {
    let vpc = facts.vpcs.iter().find(|vpc| vpc.is_default).ok_or(Finding::NoVpc)?;
    let usable = |subnet: &&Subnet| {
        subnet.vpc_id == vpc.id
            && subnet.default_for_zone
            && subnet.free_addresses >= wish.size
            && facts.zones.contains(&subnet.zone)
    };
    let mut places: Vec<Place> = facts
        .subnets
        .iter()
        .filter(usable)
        .map(|subnet| Place { zone: subnet.zone.clone(), subnet_id: subnet.id.clone() })
        .collect();
    places.sort_by(|a, b| a.zone.cmp(&b.zone));
    if places.is_empty() {
        return Err(Finding::NoZone {
            instance_type: wish.instance_type.clone(),
            size: wish.size,
            offered: facts.zones.clone(),
        });
    }
    if let Some(zone) = &wish.zone {
        let possible: Vec<String> = places.iter().map(|place| place.zone.clone()).collect();
        places.retain(|place| place.zone == *zone);
        if places.is_empty() {
            let why = if facts.zones.contains(zone) {
                "it has no default subnet with enough free addresses"
            } else {
                "the type is not offered there"
            };
            let instance_type = wish.instance_type.clone();
            return Err(Finding::Zone { zone: zone.clone(), instance_type, why, possible });
        }
    }
    Ok((vpc.id.clone(), places))
}

/// Puts the places first that EC2's refusal names as having capacity ("You can
/// currently get … capacity by … choosing us-east-1b, us-east-1c").
pub fn hinted(places: &mut [Place], message: &str) {
    let Some((_, hint)) = message.split_once("choosing") else { return };
    let named: Vec<&str> = hint.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).collect();
    places.sort_by_key(|place| !named.contains(&place.zone.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_reorders_and_nothing_else_does() {
        let place = |zone: &str| Place { zone: zone.to_owned(), subnet_id: String::new() };
        let mut places = vec![place("us-east-1b"), place("us-east-1c"), place("us-east-1d")];
        hinted(&mut places, "no capacity in us-east-1d");
        assert_eq!(places[0].zone, "us-east-1b");
        hinted(
            &mut places,
            "You can currently get g6.12xlarge capacity by not specifying an Availability Zone in your request or choosing us-east-1d, us-east-1f.",
        );
        let order: Vec<&str> = places.iter().map(|p| p.zone.as_str()).collect();
        assert_eq!(order, ["us-east-1d", "us-east-1b", "us-east-1c"]);
    }
}

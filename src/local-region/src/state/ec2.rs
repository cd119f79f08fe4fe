//! EC2's resources. Tags of every kind of resource lie in one map by id.

use super::addresses::Address;
use super::attributes::Attributes;
use super::consistency::Lag;
use super::ids;
pub use super::images::Image;
pub use super::interfaces::Interface;
pub use super::power::InstanceState;
pub use super::security_groups::{Peer, Rule, SecurityGroup};
use super::subnet::Subnet;
use crate::api::tags::Tags;
use crate::backend::RootFs;
use crate::rules::{Rules, interfaces as rules};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

/// Zones of the region and their ids, as one account may see them.
pub const ZONES: [(&str, &str); 6] = [
    ("us-east-1a", "use1-az1"),
    ("us-east-1b", "use1-az2"),
    ("us-east-1c", "use1-az4"),
    ("us-east-1d", "use1-az6"),
    ("us-east-1e", "use1-az3"),
    ("us-east-1f", "use1-az5"),
];

/// A placement group.
#[derive(Debug, Clone)]
pub struct PlacementGroup {
    /// `pg-…`
    pub id: String,
    /// Name.
    pub name: String,
    /// `cluster`, `partition` or `spread`.
    pub strategy: String,
    /// From then on it is available.
    pub available_at: jiff::Timestamp,
    /// Partitions, if it has them.
    pub partitions: Option<u32>,
    /// Zone of its first instance; a cluster group stays there while used.
    pub zone: Option<String>,
}

/// An instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// `r-…`
    pub reservation_id: String,
    /// Launch index.
    pub index: u32,
    /// Image.
    pub image_id: String,
    /// Its files.
    pub root: RootFs,
    /// Type name.
    pub instance_type: String,
    /// How it was bought.
    pub market: super::capacity::Market,
    /// Capacity Reservation it runs in.
    pub capacity_reservation: Option<String>,
    /// Zone name.
    pub zone: String,
    /// Zone id.
    pub zone_id: String,
    /// Interfaces, primary first.
    pub interfaces: Vec<Interface>,
    /// Root volume.
    pub volume_id: String,
    /// Public address.
    pub public_ip: Option<Ipv4Addr>,
    /// It gets a public address at each start.
    pub wants_public_ip: bool,
    /// Placement group.
    pub placement_group: Option<String>,
    /// Name of the instance profile.
    pub profile: Option<String>,
    /// Decoded user data.
    pub user_data: Option<Vec<u8>>,
    /// IMDSv2 only.
    pub tokens_required: bool,
    /// Tags in IMDS.
    pub metadata_tags: bool,
    /// Hop limit of IMDS answers.
    pub hop_limit: u8,
    /// When it was launched.
    pub launched: String,
    /// When it was last started.
    pub started: String,
    /// It has been running.
    pub has_run: bool,
    /// State.
    pub state: InstanceState,
    /// `StateReason`: code and text.
    pub reason: Option<(String, String)>,
    /// `StateTransitionReason`.
    pub transition: String,
    /// What EC2 announces to it.
    pub notices: crate::notices::Notices,
    /// Client token.
    pub client_token: String,
    /// A power-off terminates instead of stopping.
    pub terminate_on_shutdown: bool,
    /// Protection and the like.
    pub attributes: Attributes,
    /// What its console said last, once it is terminated.
    pub last_console: Vec<u8>,
    /// When it was terminated.
    pub ended: Option<Instant>,
    /// Start and end of the machine happen one after the other.
    pub gate: Arc<tokio::sync::Mutex<()>>,
}

impl Instance {
    /// Primary private address.
    #[must_use]
    pub fn private_ip(&self) -> Ipv4Addr {
        self.interfaces.first().and_then(|first| first.private_ip).unwrap_or(Ipv4Addr::UNSPECIFIED)
    }
}

/// What a client token stands for.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The request's parameters.
    pub fingerprint: String,
    /// Reservation it made.
    pub reservation_id: String,
}

/// All of EC2.
pub struct Ec2 {
    /// The default VPC.
    pub vpc_id: String,
    /// Its main route table.
    pub route_table_id: String,
    /// Where that leads what is for elsewhere.
    pub internet_gateway_id: String,
    /// Default subnets in zone order.
    pub subnets: Vec<Subnet>,
    /// Security groups by id.
    pub groups: BTreeMap<String, SecurityGroup>,
    /// Placement groups by name.
    pub placement_groups: BTreeMap<String, PlacementGroup>,
    /// Images by id.
    pub images: BTreeMap<String, Image>,
    /// The copy that each client token made.
    pub copy_tokens: HashMap<String, String>,
    /// Images that are no more, by the snapshot that is left of each.
    pub loose_snapshots: BTreeMap<String, Image>,
    /// Instances by id.
    pub instances: BTreeMap<String, Instance>,
    /// Limits of capacity; none until one is set.
    pub capacity: super::capacity::Capacity,
    /// Spot prices.
    pub spot_prices: super::spot_prices::SpotPrices,
    /// Spot requests by id.
    pub spot_requests: BTreeMap<String, super::spot::SpotRequest>,
    /// Capacity Blocks that were offered.
    pub block_offerings: super::capacity_blocks::Offerings,
    /// Capacity Reservations by id.
    pub reservations: BTreeMap<String, super::reservations::Reservation>,
    /// Launch templates by id.
    pub launch_templates: BTreeMap<String, super::launch_templates::LaunchTemplate>,
    /// What is not seen yet.
    pub lag: Lag,
    /// Network interfaces that are attached to nothing, by id.
    pub interfaces: BTreeMap<String, Interface>,
    /// Parameters and interface of each client token.
    pub interface_tokens: HashMap<String, (String, String)>,
    /// Elastic IP addresses by allocation id.
    pub addresses: BTreeMap<String, Address>,
    /// By zone (or empty: the region) and token. Kept for the life of the
    /// region (AWS: at least 24 h after termination).
    pub tokens: HashMap<(String, String), Launch>,
    /// Tags by resource id.
    pub tags: BTreeMap<String, Tags>,
}

impl Ec2 {
    /// An account as it is new: default VPC, subnets and security group.
    #[must_use]
    pub fn new() -> Self {
        let subnets = ZONES
            .iter()
            .enumerate()
            .map(|(index, (zone, zone_id))| {
                let third = u8::try_from(index * 16).unwrap_or(u8::MAX);
                Subnet::new(zone, zone_id, Ipv4Addr::new(10, 77, third, 0))
            })
            .collect();
        let mut group = SecurityGroup {
            id: ids::resource("sg"),
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
            rules: vec![Rule::all_outbound()],
        };
        group.rules.push(Rule {
            id: ids::resource("sgr"),
            egress: false,
            protocol: "-1".to_owned(),
            ports: None,
            peer: Peer::Group(group.id.clone()),
            description: None,
        });
        Self {
            vpc_id: ids::resource("vpc"),
            route_table_id: ids::resource("rtb"),
            internet_gateway_id: ids::resource("igw"),
            subnets,
            groups: BTreeMap::from([(group.id.clone(), group)]),
            placement_groups: BTreeMap::new(),
            images: BTreeMap::new(),
            copy_tokens: HashMap::new(),
            loose_snapshots: BTreeMap::new(),
            instances: BTreeMap::new(),
            capacity: Default::default(),
            spot_prices: Default::default(),
            spot_requests: BTreeMap::new(),
            block_offerings: Default::default(),
            reservations: BTreeMap::new(),
            launch_templates: BTreeMap::new(),
            lag: Lag::default(),
            interfaces: BTreeMap::new(),
            interface_tokens: HashMap::new(),
            addresses: BTreeMap::new(),
            tokens: HashMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// A public address out of TEST-NET-3 (RFC 5737): it shows where AWS shows
    /// one and leads nowhere.
    #[must_use]
    pub fn free_public_ip(&self) -> Option<Ipv4Addr> {
        let of_instances = self.instances.values().filter_map(|instance| instance.public_ip);
        let elastic = self.addresses.values().map(|address| address.public_ip);
        let taken: BTreeSet<Ipv4Addr> = of_instances.chain(elastic).collect();
        (1..=254).map(|last| Ipv4Addr::new(203, 0, 113, last)).find(|ip| !taken.contains(ip))
    }

    /// Instances that hold resources, stopped ones included.
    pub fn live(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values().filter(|instance| instance.state.holds_resources())
    }

    /// Whether the resource exists and may carry tags.
    #[must_use]
    pub fn exists(&self, id: &str) -> bool {
        match id.split('-').next().unwrap_or_default() {
            "i" => self.instances.contains_key(id),
            "ami" => self.images.contains_key(id),
            "sg" => self.groups.contains_key(id),
            "pg" => self.placement_groups.values().any(|group| group.id == id),
            "sir" => self.spot_requests.contains_key(id),
            "lt" => self.launch_templates.contains_key(id),
            "cr" => self.reservations.contains_key(id),
            "subnet" => self.subnets.iter().any(|subnet| subnet.id == id),
            "vpc" => self.vpc_id == id,
            "rtb" => self.route_table_id == id,
            "snap" => {
                self.loose_snapshots.contains_key(id)
                    || self.images.values().any(|image| image.snapshot_id == id)
            }
            "vol" => self.live().any(|instance| instance.volume_id == id),
            "eni" => self.interface(id).is_some(),
            "eipalloc" => self.addresses.contains_key(id),
            "sgr" => self.groups.values().any(|group| group.rules.iter().any(|rule| rule.id == id)),
            _ => false,
        }
    }

    /// Tags of a resource.
    #[must_use]
    pub fn tags_of(&self, id: &str) -> Tags {
        self.tags.get(id).cloned().unwrap_or_default()
    }

    /// Ends what an instance held: addresses, volume, their tags, and the
    /// interfaces that are not to outlive it.
    pub fn release(&mut self, instance_id: &str, in_force: &Rules) {
        let Some(instance) = self.instances.get_mut(instance_id) else { return };
        instance.state = InstanceState::Terminated;
        instance.ended = Some(Instant::now());
        instance.public_ip = None;
        let had = std::mem::take(&mut instance.interfaces);
        self.tags.remove(&instance.volume_id);
        for mut interface in had {
            let attachment = interface.attachment.take();
            let goes = attachment.is_none_or(|attachment| attachment.delete_on_termination);
            if goes || !in_force.on(&rules::OUTLIVES) {
                self.delete_interface(&interface, in_force);
            } else {
                self.interfaces.insert(interface.id.clone(), interface);
            }
        }
    }
}

impl Default for Ec2 {
    fn default() -> Self {
        Self::new()
    }
}

//! The flags of a launch; the keys of `nixl.toml` are the same.

use super::names::{
    AccountId, BadName, ImageName, KmsKeyArn, Lifetime, Minutes, MlflowArn, MlflowVersion,
    RegionName, ReservationId, ServerIdle, ServerName, SubnetId, TypeName, ZoneName,
};
use super::near::hint;
use crate::cli::{Nodes, RolesError};
use crate::plan::{PublicAddress, ServerSize, Spec, Wanted, WantedServer};
use clap::{Args, ValueEnum};
use nixl_aws::ec2::Market;
use nixl_cluster::name::DEFAULT_TRACKING_SERVER;
use nixl_cluster::{ClusterName, Provider, ProviderChoice, Roles};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::str::FromStr;

/// What is asked for; what is not said is left to the file or to the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Asked {
    /// In the file only: `--cluster` is a flag of every command.
    #[arg(skip)]
    pub cluster: Option<ClusterName>,
    /// In the file only: `--region` is a flag of every command.
    #[arg(skip)]
    pub region: Option<RegionName>,
    /// Image: ami-… or ssm:NAME, a parameter that holds its id [default: the newest one
    /// baked by `nixl-bake build`]
    #[arg(long, alias = "ami", value_name = "IMAGE")]
    #[serde(alias = "ami")]
    pub image: Option<ImageName>,
    /// Accounts whose baked images count for the newest one, too, if they share them
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT")]
    #[serde(deserialize_with = "one_or_more")]
    pub shared_by: Vec<AccountId>,
    /// EC2 instance types, best first [default: g6.12xlarge]
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    #[serde(deserialize_with = "one_or_more")]
    pub instance_type: Vec<TypeName>,
    /// Markets, best first: on-demand, spot [default: on-demand]
    #[arg(long, value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub market: Vec<MarketName>,
    /// Capacity Reservation or Capacity Block to launch into, cr-…
    #[arg(long, value_name = "ID", conflicts_with = "market")]
    pub reservation: Option<ReservationId>,
    /// How many nodes, and what they do
    #[command(flatten)]
    #[serde(skip)]
    pub layout: Nodes,
    /// `--nodes` of the file.
    #[arg(skip)]
    pub(super) nodes: Option<u32>,
    /// `--roles` of the file.
    #[arg(skip)]
    #[serde(deserialize_with = "roles")]
    pub(super) roles: Option<Roles>,
    /// libfabric provider the nodes use [default: efa]
    #[arg(long, value_enum)]
    pub provider: Option<FabricProvider>,
    /// The only zones to try, best first [default: each that offers the type]
    #[arg(long, value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub zone: Vec<ZoneName>,
    /// The only subnets to use, of one VPC [default: those of the default VPC]
    #[arg(long, value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub subnet: Vec<SubnetId>,
    /// How nodes reach AWS: EC2's own address or else an Elastic IP, none, or
    /// always an Elastic IP [default: auto]
    #[arg(long, value_enum)]
    pub public_address: Option<PublicAddress>,
    /// Reserve room for all nodes in the placement group before they are launched
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub hold: Option<bool>,
    /// How long the cluster lives, e.g. 90m, 8h, 2d, or never [default: 8h]
    #[arg(long, value_name = "TIME")]
    pub ttl: Option<Lifetime>,
    /// End the cluster when no node used its GPUs or the fabric for so long
    #[arg(long, value_name = "TIME")]
    pub idle: Option<Minutes>,
    /// An MLflow tracking server (about $469 a month, up to 25 minutes), created or attached
    /// [default: the cluster's own MLflow App, which has no price; without NAME nixl-efa-mlflow]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = DEFAULT_TRACKING_SERVER)]
    pub tracking_server: Option<ServerName>,
    /// Size of the tracking server, where it is created [default: small]
    #[arg(long, value_enum, value_name = "SIZE")]
    pub mlflow_size: Option<ServerSize>,
    /// Version of MLflow of the tracking server, where it is created [default: SageMaker's]
    #[arg(long, value_name = "VERSION")]
    pub mlflow_version: Option<MlflowVersion>,
    /// Stop the cluster's tracking server so long after its last node's end, e.g. 2h, or
    /// never; `up` starts it again [default: as it was told before, else never]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["mlflow_arn", "no_mlflow"])]
    pub mlflow_idle_stop: Option<ServerIdle>,
    /// KMS key that encrypts what the cluster's own MLflow keeps in its bucket
    /// [default: the one it has, else keys of S3]
    #[arg(long, value_name = "ARN", conflicts_with_all = ["mlflow_arn", "no_mlflow"])]
    pub kms_key: Option<KmsKeyArn>,
    /// MLflow App or tracking server to attach: it is used, and never changed
    #[arg(long, value_name = "ARN", conflicts_with = "tracking_server")]
    pub mlflow_arn: Option<MlflowArn>,
    /// No MLflow
    #[arg(long, conflicts_with_all = ["tracking_server", "mlflow_arn"], num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_mlflow: Option<bool>,
}

/// Providers that work between machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FabricProvider {
    /// AWS Elastic Fabric Adapter
    Efa,
    /// TCP: works everywhere, slowly
    Tcp,
    /// EFA where the instance type has it, else TCP
    Auto,
}

impl From<FabricProvider> for ProviderChoice {
    fn from(provider: FabricProvider) -> Self {
        match provider {
            FabricProvider::Efa => Self::Only(Provider::Efa),
            FabricProvider::Tcp => Self::Only(Provider::Tcp),
            FabricProvider::Auto => Self::Auto,
        }
    }
}

/// A market that needs no reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MarketName(pub Market);

impl FromStr for MarketName {
    type Err = String;
    fn from_str(given: &str) -> Result<Self, String> {
        match given {
            "on-demand" => Ok(Self(Market::OnDemand)),
            "spot" => Ok(Self(Market::Spot)),
            "capacity-block" => Err("a Capacity Block is named by --reservation cr-…".to_owned()),
            _ => Err(format!(
                "{given:?} is no market: write on-demand or spot{}",
                hint(given, ["on-demand", "spot"])
            )),
        }
    }
}

impl TryFrom<String> for MarketName {
    type Error = String;
    fn try_from(given: String) -> Result<Self, String> {
        given.parse()
    }
}

/// Things asked for that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// More or fewer roles than nodes.
    #[error(transparent)]
    Roles(#[from] RolesError),
    /// A region of AWS_REGION or the profile that is none.
    #[error(transparent)]
    Region(#[from] BadName),
    /// A zone elsewhere.
    #[error("zone {} is not in region {region}; {}", .zone.0, .zone.elsewhere(.region))]
    ZoneElsewhere {
        /// Zone.
        zone: ZoneName,
        /// Region.
        region: String,
    },
    /// A saved plan says everything.
    #[error("--plan says everything: leave out the other flags of what is asked for")]
    PlanAndMore,
    /// A saved plan is for another cluster.
    #[error("the plan is for {planned}, not {asked}")]
    Planned {
        /// Its cluster and region.
        planned: String,
        /// Those asked for.
        asked: String,
    },
    /// A reservation has a market of its own.
    #[error("{reservation} is paid for as it was reserved: leave out market")]
    ReservationMarket {
        /// Reservation.
        reservation: String,
    },
    /// What is attached or not there is not made either.
    #[error("{flag} says how a tracking server is made: add --tracking-server or leave it out")]
    NoServer {
        /// Flag.
        flag: &'static str,
    },
    /// What is attached keeps its bucket.
    #[error("--kms-key is for the bucket of an MLflow that the cluster makes: leave it out")]
    NoBucket,
    /// Room is held On-Demand only, and is there in a reservation.
    #[error("hold reserves On-Demand room: leave out {with}")]
    Hold {
        /// What it does not go with.
        with: &'static str,
    },
}

impl Asked {
    /// These flags, and the file's where they say nothing.
    #[must_use]
    pub fn over(self, file: Self) -> Self {
        // One of the three by flag replaces another of the file.
        let which = self.tracking_server.is_some()
            || self.mlflow_arn.is_some()
            || self.no_mlflow == Some(true);
        let (file_server, file_arn, file_none) = match which {
            true => (None, None, None),
            false => (file.tracking_server, file.mlflow_arn, file.no_mlflow),
        };
        // How a server is made is of no use where none is.
        let made = !which || self.tracking_server.is_some();
        let file_idle_stop = file.mlflow_idle_stop.filter(|_| made);
        let (file_size, file_version, file_key) = match made {
            false => (None, None, None),
            true => (file.mlflow_size, file.mlflow_version, file.kms_key),
        };
        let said = self.layout.nodes.is_some() || self.layout.roles.is_some();
        Self {
            cluster: self.cluster.or(file.cluster),
            region: self.region.or(file.region),
            image: self.image.or(file.image),
            shared_by: either(self.shared_by, file.shared_by),
            instance_type: either(self.instance_type, file.instance_type),
            // One asked for by flag replaces the other of the file.
            reservation: self
                .reservation
                .clone()
                .or_else(|| file.reservation.filter(|_| self.market.is_empty())),
            market: either(
                self.market,
                if self.reservation.is_some() { Vec::new() } else { file.market },
            ),
            layout: if said { self.layout } else { file.layout },
            nodes: None,
            roles: None,
            provider: self.provider.or(file.provider),
            zone: either(self.zone, file.zone),
            subnet: either(self.subnet, file.subnet),
            public_address: self.public_address.or(file.public_address),
            hold: self.hold.or(file.hold),
            ttl: self.ttl.or(file.ttl),
            idle: self.idle.or(file.idle),
            tracking_server: self.tracking_server.or(file_server),
            mlflow_size: self.mlflow_size.or(file_size),
            mlflow_version: self.mlflow_version.or(file_version),
            mlflow_idle_stop: self.mlflow_idle_stop.or(file_idle_stop),
            kms_key: self.kms_key.or(file_key),
            mlflow_arn: self.mlflow_arn.or(file_arn),
            no_mlflow: self.no_mlflow.or(file_none),
        }
    }

    /// With the defaults for the rest.
    ///
    /// # Errors
    /// If two things do not go together.
    pub fn spec(self, cluster: &ClusterName, region: &str) -> Result<Spec, UsageError> {
        self.layout.check()?;
        if let Some(zone) = self.zone.iter().find(|zone| !zone.is_in(region)) {
            let (zone, region) = (zone.clone(), region.to_owned());
            return Err(UsageError::ZoneElsewhere { zone, region });
        }
        let hold = self.hold.unwrap_or_default();
        if let Some(reservation) = &self.reservation {
            if !self.market.is_empty() {
                let reservation = reservation.0.clone();
                return Err(UsageError::ReservationMarket { reservation });
            }
            if hold {
                return Err(UsageError::Hold { with: "reservation" });
            }
        }
        if hold && self.market.contains(&MarketName(Market::Spot)) {
            return Err(UsageError::Hold { with: "market spot" });
        }
        let mut spec = Spec::new(cluster.clone(), region);
        let layout = self.layout.layout();
        (spec.size, spec.prefill) = (layout.size, layout.prefill);
        spec.shared_by = once(self.shared_by.into_iter().map(|it| it.0).collect());
        spec.image = self.image.map(|it| it.0).unwrap_or_default();
        let types: Vec<String> = self.instance_type.into_iter().map(|it| it.0).collect();
        spec.instance_types = either(once(types), spec.instance_types);
        let markets = self.market.into_iter().map(|it| it.0).collect();
        spec.markets = either(once(markets), spec.markets);
        spec.reservation_id = self.reservation.map(|it| it.0);
        spec.provider = self.provider.map_or(spec.provider, Into::into);
        spec.zones = once(self.zone.into_iter().map(|it| it.0).collect());
        spec.subnets = once(self.subnet.into_iter().map(|it| it.0).collect());
        spec.public_address = self.public_address.unwrap_or(spec.public_address);
        spec.hold = hold;
        if let Some(Lifetime(ttl)) = self.ttl {
            spec.ttl_secs = ttl.map(|ttl| ttl.as_secs());
        }
        spec.idle_secs = self.idle.map(|idle| idle.0.as_secs());
        spec.mlflow = mlflow(
            self.tracking_server,
            (self.mlflow_size, self.mlflow_version),
            self.mlflow_arn,
            self.no_mlflow == Some(true),
        )?;
        spec.mlflow_idle_stop = self.mlflow_idle_stop.map(|idle| idle.0);
        spec.kms_key = self.kms_key.map(|key| key.0);
        if spec.kms_key.is_some() && matches!(spec.mlflow, Wanted::None | Wanted::Arn(_)) {
            return Err(UsageError::NoBucket);
        }
        Ok(spec)
    }
}

pub(crate) fn mlflow(
    server: Option<ServerName>,
    (size, version): (Option<ServerSize>, Option<MlflowVersion>),
    arn: Option<MlflowArn>,
    none: bool,
) -> Result<Wanted, UsageError> {
    if server.is_none() {
        let flags = [("--mlflow-size", size.is_some()), ("--mlflow-version", version.is_some())];
        if let Some((flag, _)) = flags.into_iter().find(|(_, given)| *given) {
            return Err(UsageError::NoServer { flag });
        }
    }
    Ok(match arn {
        _ if none => Wanted::None,
        Some(arn) => Wanted::Arn(arn.0),
        None => server.map_or(Wanted::Own, |name| {
            let mlflow_version = version.map(|version| version.0);
            Wanted::Server(WantedServer {
                name: name.0,
                size: size.unwrap_or_default(),
                mlflow_version,
            })
        }),
    })
}

fn either<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
    if first.is_empty() { second } else { first }
}

/// Each once, in the order of its first.
fn once<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// `"a"` or `["a", "b"]`.
fn one_or_more<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String>,
    T::Error: std::fmt::Display,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text or a list of texts")]
    enum Texts {
        One(String),
        More(Vec<String>),
    }
    let texts = match Texts::deserialize(deserializer)? {
        Texts::One(text) => vec![text],
        Texts::More(texts) => texts,
    };
    texts.into_iter().map(|text| T::try_from(text).map_err(D::Error::custom)).collect()
}

fn roles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Roles>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

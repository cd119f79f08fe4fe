//! What can be set in a running region, by `nixl-region set` and the control API.

use crate::backend::Artifacts;
use crate::server::Inner;
use crate::state::capacity::Market;
use crate::state::ec2::ZONES;
use crate::state::images::Party;
use crate::state::quotas::{QUOTAS, Quota};
use crate::state::spot_prices::Change;
use crate::throttle::Scale;
use crate::{rules, typo, windows};
use jiff::SignedDuration;
use jiff::fmt::serde::duration::friendly::compact;
use serde::{Deserialize, Serialize};

/// One thing to set.
#[derive(Debug, Clone, Serialize, Deserialize, clap::Subcommand)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Setting {
    /// How long AWS does not see its own changes; `nixl-region get` lists the windows.
    Window {
        /// Name of the window, e.g. `ec2.terminated_visible`.
        name: String,
        /// `2s`, `300ms`, … or `default`.
        #[arg(value_parser = length)]
        length: Length,
    },
    /// How many instances of a type a zone has room for.
    Capacity {
        /// Availability Zone.
        zone: String,
        /// Instance type.
        instance_type: String,
        /// A number, or `unlimited`.
        #[arg(value_parser = limit)]
        instances: Limit,
        /// Each market has its own room.
        #[arg(long, default_value = "on-demand", value_parser = market)]
        #[serde(default, with = "market_name")]
        market: Market,
    },
    /// The Spot price of a type in a zone from now on.
    SpotPrice {
        /// Availability Zone.
        zone: String,
        /// Instance type.
        instance_type: String,
        /// US dollars an hour.
        usd_per_hour: f64,
    },
    /// A vCPU quota of the account; open requests for no more are approved by it.
    Quota {
        /// Its code, e.g. `L-DB2E81BA`; `nixl-region get` lists them.
        code: String,
        /// vCPUs.
        vcpus: u32,
    },
    /// Moves the region's clock forward: `+2h`.
    Clock {
        /// How far.
        #[arg(value_parser = forward)]
        #[serde(serialize_with = "compact::required")]
        advance: SignedDuration,
    },
    /// Switches a rule of the region off, and on again.
    Rule {
        /// Id of the rule, e.g. `ec2.run.token-replay`.
        id: String,
        /// `on` or `off`.
        #[arg(action = clap::ArgAction::Set, value_parser = on_off)]
        on: bool,
    },
    /// How much the buckets of request throttling hold, against what AWS's hold.
    Throttle {
        /// A factor such as `0.1`, or `on` (1) or `off`.
        scale: Scale,
    },
    /// Gives an image to another account, which shares it with this one.
    ImageOwner {
        /// Its id, `ami-…`.
        image: String,
        /// 12 digits.
        account: String,
    },
    /// Who hands out the artifacts of MLflow servers that start from now on: the `store`, as on
    /// SageMaker, where clients go to S3 themselves, or the `server`, as plain MLflow does.
    MlflowArtifacts {
        /// `store` or `server`.
        by: Artifacts,
    },
}

/// Length of a window; none is its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Length(#[serde(serialize_with = "compact::optional")] Option<SignedDuration>);

/// Instances; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limit(Option<u32>);

/// Why something cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// No such window.
    #[error("no window {0}{1}")]
    Window(String, String),
    /// A price that is none.
    #[error("{0} is no price in US dollars an hour")]
    Price(f64),
    /// No such zone.
    #[error("no zone {0}{1}")]
    Zone(String, String),
    /// No such type.
    #[error("no instance type {0} in the catalogue{1}")]
    InstanceType(String, String),
    /// No such quota.
    #[error("no quota {0}{1}")]
    Quota(String, String),
    /// No such rule.
    #[error("no rule {0}{1}")]
    Rule(String, String),
    /// No such image.
    #[error("no image {0}")]
    Image(String),
    /// No account id.
    #[error("{0} is no account: write 12 digits")]
    Account(String),
    /// A clock goes forward.
    #[error("the clock moves forward only")]
    Backward,
}

impl Setting {
    /// Sets it.
    ///
    /// # Errors
    /// If there is nothing of that name.
    pub fn apply(&self, region: &Inner) -> Result<(), SettingError> {
        match self {
            Self::Window { name, length } => {
                if !region.windows.set(name, length.0) {
                    let names = windows::ALL.iter().map(|window| window.name);
                    return Err(SettingError::Window(name.clone(), typo::hint(name, names)));
                }
            }
            Self::Capacity { zone, instance_type, instances, market } => {
                known(zone, instance_type)?;
                region.state().ec2.capacity.set(zone, instance_type, *market, instances.0);
            }
            Self::SpotPrice { zone, instance_type, usd_per_hour } => {
                known(zone, instance_type)?;
                if !(*usd_per_hour > 0.0 && usd_per_hour.is_finite()) {
                    return Err(SettingError::Price(*usd_per_hour));
                }
                let now = region.clock.now();
                region.state().ec2.spot_prices.set(zone, instance_type, *usd_per_hour, now);
            }
            Self::Quota { code, vcpus } => {
                let now = region.clock.now();
                if !region.state().quotas.set(code, f64::from(*vcpus), now) {
                    let codes = QUOTAS.iter().map(|quota| quota.code);
                    return Err(SettingError::Quota(code.clone(), typo::hint(code, codes)));
                }
            }
            Self::Clock { advance } => {
                if advance.is_negative() {
                    return Err(SettingError::Backward);
                }
                region.clock.advance(*advance);
            }
            Self::Rule { id, on } => {
                if !region.rules.switch(id, *on) {
                    let ids = rules::all().map(|rule| rule.id);
                    return Err(SettingError::Rule(id.clone(), typo::hint(id, ids)));
                }
            }
            Self::ImageOwner { image, account } => {
                if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(SettingError::Account(account.clone()));
                }
                let mut state = region.state();
                let given = state.ec2.images.get_mut(image);
                let given = given.ok_or_else(|| SettingError::Image(image.clone()))?;
                given.owner.clone_from(account);
                given.shared_with.insert(Party::Account(region.config.account_id.clone()));
            }
            Self::Throttle { scale } => region.throttle.scale(*scale),
            Self::MlflowArtifacts { by } => region.state().sagemaker.artifacts = *by,
        }
        Ok(())
    }
}

/// There are such a zone and type.
fn known(zone: &str, instance_type: &str) -> Result<(), SettingError> {
    let mut zones = ZONES.iter().map(|(name, _)| *name);
    if !zones.clone().any(|known| known == zone) {
        return Err(SettingError::Zone(zone.to_owned(), typo::hint(zone, zones.by_ref())));
    }
    let mut types = crate::api::ec2::InstanceType::all().iter().map(|t| t.name.as_str());
    if !types.clone().any(|known| known == instance_type) {
        let hint = typo::hint(instance_type, types.by_ref());
        return Err(SettingError::InstanceType(instance_type.to_owned(), hint));
    }
    Ok(())
}

/// Everything that can be set, as it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Windows.
    pub windows: Vec<WindowSetting>,
    /// Spot prices in force.
    #[serde(default)]
    pub spot_prices: Vec<SpotPriceSetting>,
    /// Limits of capacity.
    pub capacity: Vec<CapacitySetting>,
    /// vCPU quotas.
    pub quotas: Vec<QuotaSetting>,
    /// The region's time.
    pub clock_now: jiff::Timestamp,
    /// How far it is ahead of the computer's.
    #[serde(serialize_with = "compact::required")]
    pub clock_ahead: SignedDuration,
    /// Throttling.
    pub throttle: Scale,
    /// Who hands out artifacts of MLflow servers.
    pub mlflow_artifacts: Artifacts,
    /// Ids of the rules that are off.
    pub rules_off: Vec<String>,
}

/// A window.
#[derive(Debug, Serialize, Deserialize)]
pub struct WindowSetting {
    /// Its name.
    pub name: String,
    /// What it does.
    pub says: String,
    /// Its length.
    #[serde(serialize_with = "compact::required")]
    pub length: SignedDuration,
    /// Its length when nothing was set.
    #[serde(serialize_with = "compact::required")]
    pub default: SignedDuration,
}

/// A Spot price.
#[derive(Debug, Serialize, Deserialize)]
pub struct SpotPriceSetting {
    /// Availability Zone.
    pub zone: String,
    /// Type.
    pub instance_type: String,
    /// US dollars an hour.
    pub usd_per_hour: f64,
}

/// A limit of capacity.
#[derive(Debug, Serialize, Deserialize)]
pub struct CapacitySetting {
    /// Availability Zone.
    pub zone: String,
    /// Type.
    pub instance_type: String,
    /// Market.
    #[serde(with = "market_name")]
    pub market: Market,
    /// Room for so many.
    pub instances: u32,
}

/// A quota.
#[derive(Debug, Serialize, Deserialize)]
pub struct QuotaSetting {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// vCPUs.
    pub vcpus: f64,
}

impl Settings {
    /// Those of a region.
    #[must_use]
    pub fn of(region: &Inner) -> Self {
        let window = |window: &&windows::Window| WindowSetting {
            name: window.name.to_owned(),
            says: window.says.to_owned(),
            length: region.windows.of(window),
            default: window.default,
        };
        let state = region.state();
        let capacity = state.ec2.capacity.all().map(|(zone, instance_type, market, instances)| {
            CapacitySetting {
                zone: zone.to_owned(),
                instance_type: instance_type.to_owned(),
                market,
                instances,
            }
        });
        let price = |((zone, instance_type), changes): (&(String, String), &Vec<Change>)| {
            Some(SpotPriceSetting {
                zone: zone.clone(),
                instance_type: instance_type.clone(),
                usd_per_hour: changes.last()?.usd_per_hour,
            })
        };
        let quota = |quota: &Quota| QuotaSetting {
            code: quota.code.to_owned(),
            name: quota.name.to_owned(),
            vcpus: state.quotas.value(quota),
        };
        Self {
            quotas: QUOTAS.iter().map(quota).collect(),
            windows: windows::ALL.iter().map(window).collect(),
            spot_prices: state.ec2.spot_prices.all().filter_map(price).collect(),
            capacity: capacity.collect(),
            clock_now: region.clock.now(),
            clock_ahead: region.clock.ahead(),
            throttle: region.throttle.scaled(),
            mlflow_artifacts: state.sagemaker.artifacts,
            rules_off: rules::all()
                .filter(|rule| !region.rules.on(rule))
                .map(|rule| rule.id.to_owned())
                .collect(),
        }
    }
}

/// [`Market`] by its name.
mod market_name {
    use super::Market;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(market: &Market, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(market.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Market, D::Error> {
        super::market(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

fn market(text: &str) -> Result<Market, &'static str> {
    Market::named(text).ok_or("it is on-demand, spot or capacity-block")
}

fn length(text: &str) -> Result<Length, jiff::Error> {
    if text == "default" {
        Ok(Length(None))
    } else {
        text.parse().map(|length| Length(Some(length)))
    }
}

fn limit(text: &str) -> Result<Limit, &'static str> {
    match text {
        "unlimited" => Ok(Limit(None)),
        text => text.parse().map(|n| Limit(Some(n))).map_err(|_| "it is a number or unlimited"),
    }
}

fn forward(text: &str) -> Result<SignedDuration, jiff::Error> {
    text.strip_prefix('+').unwrap_or(text).parse()
}

fn on_off(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("it is on or off"),
    }
}

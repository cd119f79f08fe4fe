//! The region's state: plain data behind one lock, changed only by operations
//! and by what really happens to machines, builds and servers.

pub mod addresses;
pub mod agents;
pub mod attributes;
pub mod calls;
pub mod capacity;
pub mod capacity_blocks;
pub mod commands;
pub mod consistency;
pub mod ec2;
pub mod iam;
pub mod ids;
pub mod imagebuilder;
pub mod images;
pub mod interfaces;
pub mod launch_templates;
pub mod logs;
pub mod power;
pub mod quotas;
pub mod reservations;
pub mod sagemaker;
pub mod scheduler;
pub mod security_groups;
pub mod sessions;
pub mod spot;
pub mod spot_prices;
pub mod ssm;
pub mod subnet;
pub mod workflow;

/// Everything the region knows.
pub struct State {
    /// Rules in force.
    pub rules: crate::rules::Rules,
    /// Instances, images, groups, tags.
    pub ec2: ec2::Ec2,
    /// Roles and instance profiles.
    pub iam: iam::Iam,
    /// Parameters.
    pub ssm: ssm::Parameters,
    /// SSM agents by instance.
    pub agents: agents::Agents,
    /// Commands of Run Command.
    pub commands: commands::Commands,
    /// Components, recipes, configurations, images.
    pub imagebuilder: imagebuilder::ImageBuilder,
    /// Log groups.
    pub logs: logs::Logs,
    /// Tracking servers.
    pub sagemaker: sagemaker::SageMaker,
    /// Credentials of role sessions.
    pub sessions: sessions::Sessions,
    /// Schedules and their groups.
    pub scheduler: scheduler::Scheduler,
    /// Quotas.
    pub quotas: quotas::Quotas,
    /// Calls so far.
    pub calls: calls::CallLog,
}

impl State {
    /// An account as it is new.
    #[must_use]
    pub fn new(rules: crate::rules::Rules) -> Self {
        Self {
            rules,
            ec2: ec2::Ec2::new(),
            iam: Default::default(),
            ssm: Default::default(),
            agents: Default::default(),
            commands: Default::default(),
            imagebuilder: Default::default(),
            logs: Default::default(),
            sagemaker: Default::default(),
            sessions: Default::default(),
            scheduler: scheduler::Scheduler::new(jiff::Timestamp::now()),
            quotas: Default::default(),
            calls: Default::default(),
        }
    }
}

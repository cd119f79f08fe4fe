//! What the machine half asks: see [`Directory`].

use crate::api::trust;
use crate::backend::{Directory, InstanceView, ProfileView, SessionCredentials};
use crate::lifecycle;
use crate::rules::iam as rules;
use crate::server::Region;
use crate::state::ec2::InstanceState;
use crate::windows::ROLE_IN_METADATA;

impl Directory for Region {
    fn instance(&self, instance_id: &str) -> Option<InstanceView> {
        let mut state = self.inner.state();
        state.ec2.catch_up(self.inner.clock.now());
        let config = &self.inner.config;
        let instance = state.ec2.instances.get(instance_id)?;
        if !instance.state.holds_resources() {
            return None;
        }
        let primary = instance.interfaces.first()?;
        let window = self.inner.windows.of(&ROLE_IN_METADATA);
        // Starts and metadata go by the computer's clock.
        let seen = |started: jiff::Timestamp| started + window <= jiff::Timestamp::now();
        let late = !instance.started.parse().is_ok_and(seen);
        let profile = instance.profile.as_ref().filter(|_| !late);
        let profile = profile.and_then(|name| state.iam.profiles.get(name));
        let groups = primary.group_ids.iter().filter_map(|id| state.ec2.groups.get(id));
        Some(InstanceView {
            instance_id: instance.id.clone(),
            reservation_id: instance.reservation_id.clone(),
            launch_index: instance.index,
            image_id: instance.image_id.clone(),
            instance_type: instance.instance_type.clone(),
            account_id: config.account_id.clone(),
            region: config.region.clone(),
            zone: instance.zone.clone(),
            zone_id: instance.zone_id.clone(),
            private_ip: instance.private_ip(),
            public_ip: state.ec2.public_ip_of(instance),
            mac: primary.mac.clone(),
            placement_group: instance.placement_group.clone(),
            security_groups: groups.map(|group| group.name.clone()).collect(),
            user_data: instance.user_data.clone(),
            tags: state.ec2.tags_of(&instance.id).into_iter().collect(),
            metadata_tags: instance.metadata_tags,
            tokens_required: instance.tokens_required,
            launch_time: instance.started.clone(),
            profile: profile.and_then(|profile| {
                Some(ProfileView {
                    arn: profile.arn.clone(),
                    id: profile.id.clone(),
                    role_name: profile.role.clone()?,
                })
            }),
            notices: instance.notices.clone(),
        })
    }

    fn credentials(&self, instance_id: &str) -> Option<SessionCredentials> {
        let mut state = self.inner.state();
        let instance = state.ec2.instances.get(instance_id)?;
        if !matches!(instance.state, InstanceState::Pending | InstanceState::Running) {
            return None;
        }
        let role = state.iam.profiles.get(instance.profile.as_ref()?)?.role.clone()?;
        let trusted = trust::service(&state.iam.roles.get(&role)?.trust, "ec2.amazonaws.com");
        if !trusted && state.rules.on(&rules::NODE_TRUST) {
            tracing::warn!(instance_id, role, "the role does not trust ec2.amazonaws.com");
            return None;
        }
        Some(state.sessions.of_instance(instance_id, &role, jiff::Timestamp::now()))
    }

    fn machine_ended(&self, instance_id: &str, why: &str) {
        lifecycle::machine_ended(&self.inner, instance_id, why);
    }

    fn spend_mlflow_token(&self, server_key: &str, token: &str) -> Option<u64> {
        let region = &self.inner;
        region.state().sagemaker.spend(server_key, token, region.clock.now(), &region.rules)
    }

    fn mlflow_port(&self, server_key: &str) -> Option<u16> {
        let state = self.inner.state();
        let served = state.sagemaker.by_key(server_key)?;
        served.is_active().then_some(served.port).flatten()
    }
}

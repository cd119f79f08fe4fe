//! What a plan tells, and a launch can do without: each is read beside the
//! others, and one that may not be read is unknown, no failure.

use super::Engine;
use crate::plan::{
    ADDRESSES_QUOTA, Facts, Known, PriceFacts, QUOTA_SERVICE, QuotaFacts, Spec, alternatives,
    is_ours, quota_code,
};
use futures_util::future::join_all;
use nixl_aws::ec2::{Filter, Market};

impl Engine<'_> {
    pub(super) async fn known(&self, spec: &Spec) -> Facts {
        let live = [Filter::new("instance-state-name", ["pending", "running"])];
        let services = self.services;
        let (usage, reservations, quotas, prices, spot_prices, routes, addresses, address_limit) = tokio::join!(
            services.ec2.describe_instances(&live),
            services.reservations.describe_reservations(&[]),
            self.quota_facts(spec),
            self.price_facts(spec),
            self.spot_prices(spec),
            services.surroundings.describe_route_tables(&[]),
            services.addresses.describe_addresses(&[]),
            services.quotas.quota(QUOTA_SERVICE, ADDRESSES_QUOTA),
        );
        let ours = |it: &&nixl_aws::ec2::Address| is_ours(&self.cluster, &it.tags);
        let own = addresses.iter().flatten().filter(ours).count();
        Facts {
            usage: usage.into(),
            reservations: reservations.into(),
            quotas,
            prices,
            spot_prices,
            routes: routes.into(),
            own_addresses: u32::try_from(own).unwrap_or(u32::MAX),
            addresses: addresses.map(|it| u32::try_from(it.len()).unwrap_or(u32::MAX)).into(),
            address_limit: address_limit.into(),
            ..Facts::default()
        }
    }

    async fn quota_facts(&self, spec: &Spec) -> Vec<QuotaFacts> {
        let mut codes: Vec<&str> = Vec::new();
        for name in &spec.instance_types {
            codes.extend(spec.markets.iter().filter_map(|market| quota_code(name, *market)));
        }
        codes.sort_unstable();
        codes.dedup();
        let quotas = &self.services.quotas;
        let read = codes.into_iter().map(async |code| {
            let (limit, pending) = tokio::join!(
                quotas.quota(QUOTA_SERVICE, code),
                quotas.pending_increases(QUOTA_SERVICE, code),
            );
            QuotaFacts { code: code.to_owned(), limit: limit.into(), pending: pending.into() }
        });
        join_all(read).await
    }

    async fn price_facts(&self, spec: &Spec) -> Vec<PriceFacts> {
        let mut names: Vec<&str> = Vec::new();
        for name in &spec.instance_types {
            names.push(name);
            names.extend(alternatives(name));
        }
        names.sort_unstable();
        names.dedup();
        let read = names.into_iter().map(async |name| {
            let price = self.services.pricing.on_demand(&self.region, name).await;
            PriceFacts { instance_type: name.to_owned(), price: price.into() }
        });
        join_all(read).await
    }

    async fn spot_prices(&self, spec: &Spec) -> Known<Vec<nixl_aws::ec2::SpotPrice>> {
        if !spec.markets.contains(&Market::Spot) {
            return Known::default();
        }
        self.services.surroundings.spot_prices(&spec.instance_types).await.into()
    }
}

//! What to expect of an instance type, where the daemon and the plan must know
//! before EC2 is asked. EC2's own answer wins where both exist.

/// Expectations for one type. Sources: EC2 User Guide, EFA supported instance
/// types and RDMA table; GPU counts from the accelerated computing pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceType {
    /// EC2 name.
    pub name: &'static str,
    /// vCPUs, the unit of its quota.
    pub vcpus: u32,
    /// GPUs.
    pub gpus: u32,
    /// Most EFA interfaces.
    pub efa_interfaces: u32,
    /// Bandwidth of all of them together, in 10^9 bits a second (EC2 User
    /// Guide, accelerated computing specifications: network bandwidth).
    pub network_gbps: u32,
    /// RDMA read supported by the EFA device.
    pub rdma_read: bool,
    /// RDMA write supported by the EFA device.
    pub rdma_write: bool,
}

const fn t(
    name: &'static str,
    vcpus: u32,
    gpus: u32,
    efa_interfaces: u32,
    network_gbps: u32,
    rdma_read: bool,
    rdma_write: bool,
) -> InstanceType {
    InstanceType { name, vcpus, gpus, efa_interfaces, network_gbps, rdma_read, rdma_write }
}

/// Default type: as g5.12xlarge in size and quota, with RDMA read and write.
pub const DEFAULT: &str = "g6.12xlarge";

/// Known types.
pub const TABLE: &[InstanceType] = &[
    t("g4dn.12xlarge", 48, 4, 1, 50, false, false),
    t("g5.12xlarge", 48, 4, 1, 40, false, false),
    t("g5.48xlarge", 192, 8, 1, 100, false, false),
    t("g6.12xlarge", 48, 4, 1, 40, true, true),
    t("g6.48xlarge", 192, 8, 1, 100, true, true),
    t("g6e.12xlarge", 48, 4, 1, 100, true, true),
    t("g6e.24xlarge", 96, 4, 2, 200, true, true),
    t("g6e.48xlarge", 192, 8, 4, 400, true, true),
    t("p4d.24xlarge", 96, 8, 4, 400, true, false),
    t("p4de.24xlarge", 96, 8, 4, 400, true, false),
    t("p5.4xlarge", 16, 1, 1, 100, true, true),
    t("p5.48xlarge", 192, 8, 32, 3200, true, true),
    t("p5e.48xlarge", 192, 8, 32, 3200, true, true),
    t("p5en.48xlarge", 192, 8, 16, 3200, true, true),
    t("p6-b200.48xlarge", 192, 8, 8, 3200, true, true),
    // 17 network cards, of which the first takes no EFA.
    t("p6-b300.48xlarge", 192, 8, 16, 6400, true, true),
];

/// Expectations for `name`, if known.
#[must_use]
pub fn find(name: &str) -> Option<&'static InstanceType> {
    TABLE.iter().find(|t| t.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// AWS's own figures, as the local region keeps them.
    #[test]
    fn the_table_agrees_with_what_ec2_says() {
        let text = include_str!("../../local-region/src/data/instance_types.json");
        let catalogue: Value = serde_json::from_str(text).unwrap();
        let types = catalogue["types"].as_array().unwrap();
        for row in TABLE {
            let said = types.iter().find(|said| said["name"] == row.name);
            let said = said.unwrap_or_else(|| panic!("{} is no type", row.name));
            let gpus: u64 =
                said["gpus"].as_array().unwrap().iter().filter_map(|gpu| gpu[2].as_u64()).sum();
            let found = [said["vcpus"].as_u64(), Some(gpus), said["max_efa"].as_u64()];
            let own = [row.vcpus, row.gpus, row.efa_interfaces].map(|own| Some(u64::from(own)));
            assert_eq!(own, found, "{}", row.name);
        }
    }
}

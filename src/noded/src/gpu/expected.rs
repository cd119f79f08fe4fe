//! How many GPUs a node should have.

use nixl_cluster::instance_type;
use nixl_efa::Tree;

/// By the table of instance types; of a type that it does not have, as many as
/// are on the PCI bus, and `None` if there are none.
#[must_use]
pub fn expected(type_name: &str, tree: &Tree) -> Option<u32> {
    let on_bus = || u32::try_from(tree.gpu_addresses().len()).ok().filter(|gpus| *gpus > 0);
    instance_type::find(type_name).map(|known| known.gpus).or_else(on_bus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_of_no_table_has_what_is_on_the_bus() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::below(root.path());
        assert_eq!(expected("zz9.metal", &tree), None);
        for address in ["0000:00:1e.0", "0000:00:1f.0"] {
            let device = root.path().join("sys/bus/pci/devices").join(address);
            std::fs::create_dir_all(&device).unwrap();
            std::fs::write(device.join("vendor"), "0x10de\n").unwrap();
            std::fs::write(device.join("class"), "0x030200\n").unwrap();
        }
        assert_eq!(expected("zz9.metal", &tree), Some(2));
        assert_eq!(expected("p5.48xlarge", &tree), Some(8), "the table knows better");
    }
}

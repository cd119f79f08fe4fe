//! A checkout in a temporary folder.

use crate::content::Content;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::glibc::Glibc;
use crate::hash::Sum;
use crate::recipe::Architecture;
use std::path::PathBuf;
use std::sync::Arc;

/// A recipe with one component, its scripts, a systemd tree and a daemon.
pub struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    pub fn new() -> Self {
        let checkout = Self { folder: tempfile::tempdir().unwrap() };
        let shipped = include_str!("../../../../image/recipe.toml");
        let list = shipped.find("components = ").unwrap();
        let recipe = format!("{}components = [\"nixl-noded\"]\n", &shipped[..list]);
        checkout.write("image/recipe.toml", &recipe);
        checkout.write(
            "image/nixl-noded/component.toml",
            include_str!("../../../../image/nixl-noded/component.toml"),
        );
        checkout.write(
            "image/nixl-noded/install.sh",
            "#!/bin/bash\n# Puts it there.\nset -Eeuo pipefail\ninstall \"$NIXL_FILES/nixl-noded\" /usr/bin\n",
        );
        checkout.write(
            "image/nixl-noded/validate.sh",
            "#!/bin/bash\nset -Eeuo pipefail\nnixl-noded --version || die \"it does not run\"\n",
        );
        checkout.write(
            "image/nixl-noded/test.sh",
            "#!/bin/bash\nset -Eeuo pipefail\nnixl-noded check || die \"it is not well\"\n",
        );
        checkout.write("systemd/usr/lib/systemd/system/nixl-noded.service", "[Service]\n");
        std::fs::write(checkout.path("nixl-noded"), "a daemon").unwrap();
        checkout
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn daemon(&self) -> Daemon {
        let bytes = std::fs::read(self.path("nixl-noded")).unwrap();
        Daemon {
            sum: Sum::of(&bytes),
            bytes: Arc::new(bytes),
            build_id: None,
            architecture: Architecture::X86_64,
            glibc: Glibc(2, 34),
        }
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn load(&self) -> Result<Content> {
        Content::load(&self.path("image/recipe.toml"), &self.daemon())
    }
}

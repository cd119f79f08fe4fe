use super::Content;
use crate::glibc::Glibc;
use crate::lock::Pins;
use crate::recipe::Architecture;
use crate::testing::{Checkout, pins};
use proptest::prelude::*;
use std::fs;
use std::sync::Arc;

fn digest(checkout: &Checkout) -> String {
    checkout.load().unwrap().digest(&pins()).hex()
}

#[test]
fn the_same_content_elsewhere_and_later_has_the_same_digest() {
    let (one, other) = (Checkout::new(), Checkout::new());
    let unit = other.path("systemd/usr/lib/systemd/system/nixl-noded.service");
    fs::File::options()
        .write(true)
        .open(unit)
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    assert_eq!(digest(&one), digest(&other));
}

#[test]
fn one_byte_of_any_input_changes_it() {
    let checkout = Checkout::new();
    let first = digest(&checkout);
    for name in [
        "image/nixl-noded/component.toml",
        "image/nixl-noded/install.sh",
        "image/nixl-noded/validate.sh",
        "systemd/usr/lib/systemd/system/nixl-noded.service",
        "nixl-noded",
    ] {
        let path = checkout.path(name);
        let before = fs::read(&path).unwrap();
        fs::write(&path, [before.as_slice(), b"\n"].concat()).unwrap();
        assert_ne!(digest(&checkout), first, "{name}");
        fs::write(&path, before).unwrap();
    }
    assert_eq!(digest(&checkout), first);
    let other = Pins { base_identity: "136693071363/debian-12-later".to_owned(), ..pins() };
    assert_ne!(checkout.load().unwrap().digest(&other).hex(), first);
    let elsewhere = Pins { base_ami: "ami-0123456789abcdef1".to_owned(), ..pins() };
    assert_eq!(checkout.load().unwrap().digest(&elsewhere).hex(), first, "the same in all regions");
}

#[test]
fn what_a_recipe_says_of_the_image_counts_and_nothing_else() {
    let checkout = Checkout::new();
    let first = digest(&checkout);
    let path = checkout.path("image/recipe.toml");
    let recipe = fs::read_to_string(&path).unwrap();
    let with = |text: String| {
        fs::write(&path, text).unwrap();
        digest(&checkout)
    };
    let publish = "[publish]\naccounts = [\"111122223333\"]\ndeprecate_days = 7\n";
    assert_eq!(with(format!("{recipe}# why\n{publish}")), first);
    for (from, to) in [("m7i.large", "m7i.xlarge"), ("= 16", "= 17\nkms_key = \"alias/nixl\"")] {
        assert!(recipe.contains(from));
        assert_ne!(with(recipe.replace(from, to)), first, "{to}");
    }
}

#[test]
fn files_that_nothing_names_do_not_count() {
    let checkout = Checkout::new();
    let first = digest(&checkout);
    fs::write(checkout.path("image/nixl-noded/install.sh~"), "x").unwrap();
    assert_eq!(digest(&checkout), first);
}

#[test]
fn a_missing_file_is_named() {
    let checkout = Checkout::new();
    fs::remove_file(checkout.path("image/nixl-noded/validate.sh")).unwrap();
    let told = checkout.load().unwrap_err().to_string();
    assert!(told.contains("nixl-noded/validate.sh"), "{told}");
}

/// Problems of a recipe with these lines more and these components in their folders.
fn problems(more: &str, components: &[(&str, &str)]) -> Vec<String> {
    let checkout = Checkout::new();
    let path = checkout.path("image/recipe.toml");
    let names: Vec<String> = components.iter().map(|(name, _)| format!("{name:?}")).collect();
    let recipe = fs::read_to_string(&path).unwrap();
    let recipe = recipe.replace("[\"nixl-noded\"]", &format!("[{}]", names.join(", ")));
    fs::write(&path, format!("{recipe}{more}")).unwrap();
    for (name, spec) in components {
        let folder = checkout.path("image").join(name);
        fs::create_dir_all(&folder).unwrap();
        let head = format!("name = \"nixl-{name}\"\ndescription = \"a\"\ntimeout_secs = 1\n");
        fs::write(folder.join("component.toml"), head + spec).unwrap();
        let script = "set -Eeuo pipefail\n".to_owned()
            + if spec.contains("inputs") { "echo $NIXL_INPUT_VERSION\n" } else { "" };
        fs::write(folder.join("install.sh"), &script).unwrap();
        fs::write(folder.join("validate.sh"), &script).unwrap();
    }
    match Content::read(&path, Arc::default()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let told = problems(
        "sets = [\"gpo\"]\n[inputs.firts]\na = \"b\"\n[inputs.third]\nversoin = \"1\"\n",
        &[
            ("first", "set = \"gpu\""),
            ("second", "inputs.version = { description = \"v\" }"),
            ("third", "inputs.version = { description = \"v\", default = \"1\" }"),
        ],
    );
    let all = told.join("\n");
    for part in [
        "no component belongs to set `gpo`; did you mean `gpu`?",
        "not listed: `firts`; did you mean `first`?",
        "component second needs input version (v): add [inputs.second] version",
        "component third has no input `versoin`; did you mean `version`?",
    ] {
        assert!(all.contains(part), "{part} is not in\n{all}");
    }
    assert_eq!(told.len(), 4, "{all}");
}

#[test]
fn what_a_recipe_does_not_ask_for_is_left_out() {
    let checkout = Checkout::new();
    let path = checkout.path("image/nixl-noded/component.toml");
    let spec = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("set = \"gpu\"\n{spec}")).unwrap();
    let told = checkout.load().unwrap_err().to_string();
    assert!(told.contains("0 components: Image Builder takes 1 to 20"), "{told}");
    let recipe = checkout.path("image/recipe.toml");
    let text = fs::read_to_string(&recipe).unwrap();
    fs::write(&recipe, text + "sets = [\"gpu\"]\n").unwrap();
    assert_eq!(checkout.load().unwrap().components.len(), 1);
    fs::write(&path, format!("when.dlami = true\n{spec}")).unwrap();
    assert!(checkout.load().is_err(), "a plain Debian is no Deep Learning AMI");
}

#[test]
fn two_components_cannot_have_one_name() {
    let told = problems("", &[("first", ""), ("second", "")]);
    assert!(told.is_empty(), "{told:?}");
    let checkout = Checkout::new();
    let from = checkout.path("image/nixl-noded");
    let to = checkout.path("image/second");
    fs::create_dir_all(&to).unwrap();
    for name in ["component.toml", "install.sh", "validate.sh"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let recipe = checkout.path("image/recipe.toml");
    let text = fs::read_to_string(&recipe).unwrap();
    fs::write(&recipe, text.replace("[\"nixl-noded\"]", "[\"nixl-noded\", \"second\"]")).unwrap();
    let told = checkout.load().unwrap_err().to_string();
    assert!(told.contains("nixl-noded and second are both named nixl-noded"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn an_image_has_at_most_twenty_components(count in 1usize..26) {
        let names: Vec<String> = (0..count).map(|at| format!("component-{at}")).collect();
        let components: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        prop_assert_eq!(problems("", &components).is_empty(), count <= 20);
    }
}

#[test]
fn a_daemon_that_would_not_start_in_the_image_is_refused() {
    let checkout = Checkout::new();
    let mut daemon = checkout.daemon();
    daemon.glibc = Glibc(2, 36);
    assert!(Content::load(&checkout.path("image/recipe.toml"), &daemon).is_ok());
    daemon.glibc = Glibc(2, 37);
    let told = Content::load(&checkout.path("image/recipe.toml"), &daemon).unwrap_err();
    assert_eq!(told.code(), "bake.newer_glibc");
    assert!(told.to_string().contains("needs glibc 2.37, debian-12 has 2.36"), "{told}");
    daemon.architecture = Architecture::Arm64;
    let told = Content::load(&checkout.path("image/recipe.toml"), &daemon).unwrap_err();
    assert_eq!(told.code(), "bake.wrong_architecture");
}

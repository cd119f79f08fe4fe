use super::*;
use proptest::prelude::*;
use std::path::Path;

const GOOD: &str = include_str!("../../../../image/recipe.toml");

fn read(text: &str) -> Result<Recipe> {
    Recipe::read(Source { path: Path::new("recipe.toml"), text })
}

fn refused(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

#[test]
fn the_shipped_recipe_is_good() {
    let recipe = read(GOOD).unwrap();
    assert_eq!(recipe.base.to_string(), "debian-12");
    assert_eq!(recipe.root_device, "/dev/xvda");
    assert_eq!(recipe.components.last().map(Name::as_str), Some("hardening"));
}

#[test]
fn a_typo_is_named_with_its_place_and_the_word_meant() {
    let told = refused(&GOOD.replace("volume_size_gib", "volume_sise_gib"));
    let line = GOOD.lines().position(|line| line.starts_with("volume_size_gib")).unwrap() + 1;
    assert!(
        told.starts_with(&format!("recipe.toml:{line}:1: unknown field `volume_sise_gib`")),
        "{told}"
    );
    assert!(told.ends_with("did you mean `volume_size_gib`?"), "{told}");
}

#[test]
fn bad_values_point_at_the_value() {
    for (from, to, say) in [
        ("\"nixl\"", "\"NIXL!\"", "a-z"),
        ("\"0.1.0\"", "\"0.1\"", "three numbers"),
        ("= 16\n", "= 0\n", "1 to 16000"),
        ("\"x86_64\"", "\"x86-64\"", "did you mean `x86_64`?"),
        ("\"debian-12\"", "\"debain-12\"", "did you mean `debian-12`?"),
        ("\"debian-12\"", "\"ami-0123456789abcdef0\"", "add `platform`"),
        ("\"debian-12\"", "\"debian-12\"\nplatform = \"debian-12\"", "leave `platform` out"),
        ("m7i.large", "m7i", "no instance type"),
        ("\"libfabric\", ", "\"cloud-init\", ", "listed twice"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let told = refused(&GOOD.replacen(from, to, 1));
        let line = GOOD[..GOOD.find(from).unwrap()].matches('\n').count() + 1;
        assert!(told.starts_with(&format!("recipe.toml:{line}:")), "{told}");
        assert!(told.contains(say) && !told.contains('\n'), "{told}");
    }
}

#[test]
fn a_base_of_ones_own_says_what_it_is() {
    let own =
        "base = \"ssm:/mine\"\nplatform = \"dlami-ubuntu-24.04\"\nroot_device = \"/dev/sda1\"";
    let recipe = read(&GOOD.replacen("base = \"debian-12\"", own, 1)).unwrap();
    assert_eq!(recipe.base, Base::Parameter("/mine".to_owned()));
    assert!(recipe.platform.dlami && recipe.platform.os == Os::Ubuntu2404);
}

#[test]
fn a_condition_names_what_it_is_against() {
    let when = |text: &str| -> When { Source { path: Path::new("c"), text }.parse().unwrap() };
    let plain = Platform { os: Os::Debian12, dlami: false };
    assert_eq!(when("").against(plain, Architecture::X86_64), None);
    let against = |text: &str| when(text).against(plain, Architecture::X86_64);
    assert_eq!(against("os = [\"ubuntu-24.04\"]").as_deref(), Some("not for debian-12"));
    assert_eq!(against("dlami = true").as_deref(), Some("not for debian-12"));
    assert_eq!(against("architecture = [\"arm64\"]").as_deref(), Some("not for x86_64"));
    assert_eq!(against("os = [\"debian-12\"]\ndlami = false"), None);
}

#[test]
fn broken_toml_is_one_line() {
    let told = refused("name = \"nixl\nversion = 1");
    assert!(told.starts_with("recipe.toml:1:") && !told.contains('\n'), "{told}");
    assert!(refused("name = \"nixl\"").contains("missing field"), "a field is missing");
}

#[test]
fn a_file_has_exactly_one_source() {
    let base =
        "name = \"nixl-a\"\ndescription = \"a\"\ntimeout_secs = 1\n[[files]]\nname = \"f\"\n";
    let read = |more: &str| -> Result<ComponentSpec> {
        Source { path: Path::new("c"), text: &format!("{base}{more}") }.parse()
    };
    assert!(read("path = \"x\"").is_ok());
    assert!(read("").unwrap_err().to_string().contains("exactly one"));
    assert!(read("path = \"x\"\ntree = \"y\"").unwrap_err().to_string().contains("exactly one"));
    assert!(read("soruce = \"noded\"").unwrap_err().to_string().contains("did you mean `source`?"));
}

/// The rule as Image Builder's API reference has it, for the limits we keep inside of.
fn name_fits_image_builder(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (3..=128).contains(&name.len())
        && name.chars().all(|c| word(c) || c == ' ')
        && name.chars().next().is_some_and(word)
        && name.chars().last().is_some_and(word)
}

proptest! {
    #[test]
    fn a_name_that_is_taken_fits_image_builder_and_stays_itself_in_an_arn(text in "[a-zA-Z0-9 _-]{0,140}") {
        if Name::try_from(text.clone()).is_ok() {
            prop_assert!(name_fits_image_builder(&text));
            prop_assert_eq!(text.to_lowercase().replace([' ', '_'], "-"), text);
        }
    }

    #[test]
    fn every_name_we_promise_is_taken(text in "[a-z][a-z0-9-]{1,62}[a-z0-9]") {
        prop_assert!(Name::try_from(text).is_ok());
    }

    #[test]
    fn a_version_has_three_numbers_below_two_to_the_thirtieth(nodes in prop::collection::vec(0u64..1 << 32, 0..5)) {
        let text = nodes.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
        let fits = nodes.len() == 3 && nodes.iter().all(|node| *node < 1 << 30);
        prop_assert_eq!(SemanticVersion::try_from(text).is_ok(), fits);
    }

    #[test]
    fn volumes_have_1_to_16000_gib(gib in -5i64..20_000) {
        prop_assert_eq!(VolumeSize::try_from(gib).is_ok(), (1..=16_000).contains(&gib));
    }

    #[test]
    fn no_value_of_an_input_can_be_a_reference_or_a_second_line(text in "\\PC{0,220}") {
        if let Ok(value) = Text::try_from(text) {
            prop_assert!(!value.as_str().contains("{{") && value.as_str().lines().count() <= 1);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn no_edit_of_a_good_recipe_makes_it_panic(at in 0..GOOD.len(), with in "\\PC{0,3}") {
        prop_assume!(GOOD.is_char_boundary(at));
        let mut text = GOOD.to_owned();
        text.insert_str(at, &with);
        if let Err(error) = read(&text) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}

#[test]
fn what_becomes_of_an_image_is_checked_where_it_stands() {
    for (more, at, say) in [
        ("accounts = [\"1111\"]", 2, "12 digits"),
        ("organizations = [\"o-abc\"]", 2, "ARN of an organization"),
        ("regions = [\"us_west_2\"]", 2, "name of a region"),
        ("deprecate_days = 0", 2, "1 to 3650"),
        ("accounts = []\ncopyable = true", 3, "with accounts only"),
        ("copyable = true", 2, "with accounts only"),
        ("acounts = []", 2, "did you mean `accounts`?"),
    ] {
        let lines = GOOD.lines().count();
        let told = refused(&format!("{GOOD}[publish]\n{more}\n"));
        assert!(told.starts_with(&format!("recipe.toml:{}:", lines + at)), "{told}");
        assert!(told.contains(say), "{told}");
    }
    let key = |name: &str| GOOD.replacen("= 16\n", &format!("= 16\nkms_key = \"{name}\"\n"), 1);
    let shared = "[publish]\naccounts = [\"111122223333\"]\n";
    assert!(refused(&key("nixl")).contains("by its alias"));
    assert!(refused(&(key("alias/aws/ebs") + shared)).contains("cannot be shared"));
    assert!(read(&key("alias/aws/ebs")).unwrap().kms_key.is_some());
    let recipe = read(&(key("alias/nixl") + shared)).unwrap();
    assert!(recipe.publish.shares());
    assert_eq!(recipe.publish.copied_by(), None);
    let copyable = |yes: bool| read(&format!("{GOOD}{shared}copyable = {yes}\n")).unwrap().publish;
    assert_eq!(copyable(true).copied_by().unwrap(), ["111122223333".to_owned()].into());
    assert_eq!(copyable(false).copied_by().unwrap().len(), 0);
    assert_eq!(read(GOOD).unwrap().publish.sharing(), None);
}

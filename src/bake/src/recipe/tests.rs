use super::*;
use crate::error::BakeError;
use proptest::prelude::*;
use std::path::Path;

const GOOD: &str = include_str!("../../../../image/recipe.toml");

fn read(text: &str) -> Result<Recipe, BakeError> {
    parse(Path::new("recipe.toml"), text)
}

fn refused(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

#[test]
fn the_shipped_recipe_is_good() {
    let recipe = read(GOOD).unwrap();
    assert_eq!(recipe.base.to_string(), "ssm:/aws/service/debian/release/12/latest/amd64");
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
        ("ssm:/aws", "smm:/aws", "no base image"),
        ("\"/dev/xvda\"", "\"xvda\"", "no device name"),
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
fn broken_toml_is_one_line() {
    let told = refused("name = \"nixl\nversion = 1");
    assert!(told.starts_with("recipe.toml:1:") && !told.contains('\n'), "{told}");
    assert!(refused("name = \"nixl\"").contains("missing field"), "a field is missing");
}

#[test]
fn a_file_has_exactly_one_source() {
    let base =
        "name = \"nixl-a\"\ndescription = \"a\"\ntimeout_secs = 1\n[[files]]\nname = \"f\"\n";
    let read = |more: &str| parse::<ComponentSpec>(Path::new("c"), &format!("{base}{more}"));
    assert!(read("path = \"x\"").is_ok());
    assert!(read("").unwrap_err().to_string().contains("exactly one"));
    assert!(read("path = \"x\"\ntree = \"y\"").unwrap_err().to_string().contains("exactly one"));
    assert!(read("soruce = \"noded\"").unwrap_err().to_string().contains("did you mean `source`?"));
}

proptest! {
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

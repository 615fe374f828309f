//! Cross.toml is read by a program that only warns of keys it does not know; here a wrong key is an error.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What we use of it. Another key of Cross is added here when the file needs it.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Cross {
    target: BTreeMap<String, Target>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Target {
    image: String,
}

#[test]
fn both_arm_targets_name_the_newest_image() {
    let cross: Cross = toml::from_str(include_str!("../../Cross.toml")).unwrap();
    let targets: Vec<&str> = cross.target.keys().map(String::as_str).collect();
    assert_eq!(targets, ["armv7-unknown-linux-gnueabihf", "armv7-unknown-linux-musleabihf"]);
    for (name, target) in &cross.target {
        let (_, image) = target.image.rsplit_once('/').unwrap();
        assert_eq!(image, format!("{name}:main"), "an image for another target, or one of the old ones");
    }
}

#[test]
fn a_misspelt_key_is_an_error() {
    let text = "[target.armv7-unknown-linux-musleabihf]\nimage = \"x\"\nprebuild = []\n";
    let error = toml::from_str::<Cross>(text).unwrap_err();
    assert!(error.to_string().contains("prebuild"), "{error}");
}

//! Cross.toml is read by a program that only warns of keys it does not know; here a wrong key is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// What we use of it. Another key of Cross is added here when the file needs it.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Cross {
    target: BTreeMap<String, Target>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
struct Environment {
    passthrough: Vec<String>,
}

/// An image as it is, or with commands run before; or one made by a Dockerfile.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Target {
    image: Option<String>,
    #[serde(default)]
    pre_build: Vec<String>,
    dockerfile: Option<Dockerfile>,
    #[serde(default)]
    env: Environment,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Dockerfile {
    file: String,
    context: String,
}

fn shipped() -> Cross {
    toml::from_str(include_str!("../../Cross.toml")).unwrap()
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The image that a target's builds run in, or rest upon.
fn image(target: &Target) -> String {
    match (&target.image, &target.dockerfile) {
        (Some(image), None) => image.clone(),
        (None, Some(Dockerfile { file, context })) => {
            assert!(file.starts_with(&format!("{context}/")), "{file} is outside of what Docker is given");
            let text = read(file);
            let from = text.lines().find_map(|line| line.strip_prefix("FROM "));
            from.expect("a Dockerfile begins with an image").to_owned()
        }
        both => panic!("an image or a Dockerfile: {both:?}"),
    }
}

#[test]
fn both_arm_targets_name_the_newest_image() {
    let cross = shipped();
    let targets: Vec<&str> = cross.target.keys().map(String::as_str).collect();
    assert_eq!(targets, ["armv7-unknown-linux-gnueabihf", "armv7-unknown-linux-musleabihf"]);
    for (name, target) in &cross.target {
        let image = image(target);
        let (_, image) = image.rsplit_once('/').unwrap();
        assert_eq!(image, format!("{name}:main"), "an image for another target, or one of the old ones");
    }
}

#[test]
fn each_target_comes_to_a_library_of_pcscd() {
    let cross = shipped();
    let dynamic = cross.target["armv7-unknown-linux-gnueabihf"].pre_build.join("\n");
    assert!(dynamic.contains("libpcsclite-dev:$CROSS_DEB_ARCH"), "{dynamic}");
    assert!(
        dynamic.find("--add-architecture $CROSS_DEB_ARCH") < dynamic.find("apt-get update"),
        "apt has to know the architecture first: {dynamic}"
    );
    // Values, not names alone: of a name that the host has not, Docker takes the image's value away.
    let handed = &cross.target["armv7-unknown-linux-musleabihf"].env.passthrough;
    assert_eq!(handed, &["PCSC_LIB_DIR=/pcsc/src/.libs", "PCSC_LIB_NAME=static=pcsclite"]);
    // One and the same client, whoever builds it.
    let (ours, theirs) = (read("scripts/pcsc-client"), read("scripts/cross-musl.dockerfile"));
    for name in ["PCSC_VERSION", "PCSC_SHA256"] {
        let wanted = ours.lines().find(|line| line.starts_with(&format!("{name}="))).expect(name);
        assert!(theirs.contains(&format!("ARG {wanted}\n")), "{wanted}");
    }
    let options = |text: &str| -> BTreeSet<String> {
        let words = text.split(|letter: char| letter.is_whitespace() || letter == '"');
        words
            .filter(|word| word.starts_with("--disable-") || word.starts_with("--enable-"))
            .map(Into::into)
            .collect()
    };
    // Ours makes a shared one as well.
    let of_both: BTreeSet<_> = options(&ours)
        .into_iter()
        .filter(|option| option != "--disable-static" && option != "--enable-shared")
        .collect();
    assert_eq!(of_both, options(&theirs));
}

#[test]
fn a_misspelt_key_is_an_error() {
    let head = "[target.armv7-unknown-linux-musleabihf]\n";
    for (wrong, key) in [
        ("image = \"x\"\nprebuild = []\n", "prebuild"),
        ("image = \"x\"\npre_build = []\n", "pre_build"),
        ("dockerfile = { file = \"x\", context = \"y\", build_args = {} }\n", "build_args"),
        ("images = \"x\"\n", "images"),
    ] {
        let error = toml::from_str::<Cross>(&format!("{head}{wrong}")).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
    let error = toml::from_str::<Cross>(&format!("{head}env = {{ pass-through = [] }}\n")).unwrap_err();
    assert!(error.to_string().contains("pass-through"), "{error}");
    assert!(toml::from_str::<Cross>(&format!("{head}image = \"x\"\npre-build = []\n")).is_ok());
}

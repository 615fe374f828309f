//! The shipped profile, and what a profile is refused for.

use super::*;

const INTERFLEX: &str = include_str!("../../../profiles/interflex.toml");

fn parse(text: &str) -> Result<Profile, ProfileError> {
    Profile::parse(Path::new("test.toml"), text)
}

fn site() -> SiteRules {
    SiteRules {
        delete_user_on_no_access_token: true,
        delete_user_on_no_entitlement: true,
        user_identifier_prefix: None,
        default_organization: Some("Guests".into()),
        email_type: "work".into(),
        identifier_type: None,
        card_number_format: CardNumberFormat::Linear { digits: 9 },
        user_field_mappings: [("phone.home".into(), vec!["HomePhoneNumber".into(), "CellPhone".into()])]
            .into(),
        entitlement_import_types: vec!["AccessProfile".into()],
    }
}

#[test]
fn the_shipped_profile_is_valid_and_says_what_nobody_verified() {
    let profile = parse(INTERFLEX).expect("it is shipped");
    let expected = Caps {
        addressed_by_ext_id: false,
        look_up: true,
        remove_person_cascades: true,
        native_windows: true,
    };
    assert_eq!(profile.caps, expected);
    assert!(profile.unverified.iter().any(|key| key == "person"));
}

#[test]
fn the_rules_are_the_sites_choice_else_the_profiles() {
    let profile = parse(INTERFLEX).expect("it is shipped");
    let rules = profile.rules(&site()).expect("it fits");
    assert_eq!((rules.user_identifier_prefix.as_str(), rules.identifier_type.as_str()), ("PA", "mifare"));
    let both = vec!["HomePhoneNumber".to_owned(), "CellPhone".to_owned()];
    assert_eq!(rules.user_field_mappings.get(&UserField::Phone("home".into())), Some(&both));
    let own = SiteRules { user_identifier_prefix: Some(String::new()), ..site() };
    assert_eq!(profile.rules(&own).expect("it fits").user_identifier_prefix, "");
}

#[test]
fn a_site_that_asks_for_what_the_product_lacks_is_told_what_it_has() {
    let profile = parse(INTERFLEX).expect("it is shipped");
    let mapped = |source: &str, property: &str| SiteRules {
        user_field_mappings: [(source.into(), vec![property.into()])].into(),
        ..site()
    };
    let table = [
        (SiteRules { entitlement_import_types: vec!["Group".into()], ..site() }, "AccessZoneTimeProfile"),
        (SiteRules { entitlement_import_types: Vec::new(), ..site() }, "AccessProfile"),
        (mapped("phone.home", "ShoeSize"), "ZipCode"),
        (mapped("fax.home", "CellPhone"), "phone.TYPE"),
        (mapped("phone.", "CellPhone"), "phone.TYPE"),
    ];
    for (site, remedy) in table {
        let error = profile.rules(&site).expect_err(remedy).to_string();
        assert!(error.contains("setting pacs.") && error.contains(remedy), "{error}");
    }
}

#[test]
fn a_profile_that_cannot_work_is_refused_with_key_and_remedy() {
    let table = [
        (
            "path = \"/persons/{id}\" # unverified",
            "path = \"/persons\" # unverified",
            "person.update.path",
            "{id}",
        ),
        ("credentials/{id}\" #", "credentials\" #", "credential.update.path", "{id}"),
        ("path = \"/persons\" #", "path = \"/persons/{id}\" #", "person.create.path", "no {id}"),
        ("addressed_by = \"id\"", "addressed_by = \"ext_id\"", "person.update.path", "no ids of its own"),
        ("\"{given_name}\"", "\"{givenname}\"", "person.create.body", "given_name"),
        ("\"{card_number}\"", "\"{pin}\"", "credential.create.body", "card_number"),
        ("\"{given_name}\"", "\"{given_name\"", "person.create.body", "brace"),
        ("\"{given_name}\"", "1.5", "person.create.body", "whole numbers"),
        ("method = \"PUT\"", "method = \"put\"", "person.update.method", "PATCH"),
        ("created_id = \"/id\"", "created_id = \"id\"", "answers.created_id", "JSON pointer"),
        ("path = \"/accessElements", "path = \"accessElements", "entitlements.path", "begins with /"),
        ("  \"person\",", "  \"person.patch\",", "unverified", "key of this file"),
        ("\"X-System-Id\"", "\"X System Id\"", "system_id_header", "HTTP header"),
    ];
    for (old, new, key, remedy) in table {
        assert!(INTERFLEX.contains(old), "{old}");
        let error = parse(&INTERFLEX.replacen(old, new, 1)).expect_err(new).to_string();
        assert!(error.contains("test.toml") && error.contains(key) && error.contains(remedy), "{error}");
    }
    let extra = INTERFLEX.replacen("[answers]", "[answers]\nmore = 1", 1);
    assert!(parse(&extra).expect_err("an unknown key").to_string().contains("more"));
    let blind = INTERFLEX.replacen("[person.find]", "[person.other]", 1);
    assert!(parse(&blind).is_err());
}

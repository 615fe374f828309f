//! The shipped profiles, and what a profile is refused for.

use super::*;
use crate::export::plan::Caps;
use access::person::UserField;

const INTERFLEX: &str = include_str!("../../../profiles/interflex.toml");
const EXOS: &str = include_str!("../../../profiles/exos.toml");

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
        names_are_unique: true,
        ..Caps::NONE
    };
    let Api::Rest(api) = &profile.api else { panic!("it is described by its profile") };
    assert_eq!(api.caps, expected);
    assert!(profile.unverified.iter().any(|key| key == "person"));
    assert_eq!(profile.lacks, [""; 0]);
}

/// All files in `profiles/`.
fn shipped() -> Vec<(String, Profile)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        assert!(name.ends_with(".toml"), "{name}");
        all.push((name, Profile::read(&path).expect("what is shipped can be loaded")));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn every_shipped_profile_loads_and_stands_in_the_page_about_systems() {
    let page = include_str!("../../../docs/pacs.md");
    let all = shipped();
    for name in ["exos.toml", "interflex.toml", "template.toml"] {
        assert!(all.iter().any(|(shipped, _)| shipped == name), "{name}");
    }
    for (name, profile) in &all {
        assert!(page.contains(&format!("](../profiles/{name})")), "{name} is not in docs/pacs.md");
        assert!(!profile.product.is_empty(), "{name}");
    }
}

#[test]
fn a_profile_says_what_is_yet_to_be_filled_in_and_a_way_to_log_in_that_is_not_used_lacks_nothing() {
    let of = |wanted: &str| shipped().into_iter().find(|(name, _)| name == wanted).expect(wanted).1.lacks;
    assert_eq!(of("exos.toml"), ["permission.create.body.TimeZoneId"]);
    let template = of("template.toml");
    for key in [
        "product",
        "entitlement_import_types",
        "entitlements.path",
        "entitlements.items",
        "person.create.body.FILL_IN_number",
        "person.find.ext_id",
        "permission.remove.path",
    ] {
        assert!(template.iter().any(|lacking| lacking == key), "{key}: {template:?}");
    }
    let tenant = EXOS.replace("use = \"api_login\"", "use = \"auth\"");
    let expected = [
        "permission.create.body.TimeZoneId",
        "session.auth.body.requestChannel",
        "session.auth.body.tenantId",
    ];
    assert_eq!(parse(&tenant).expect("it can be loaded").lacks, expected);
}

#[test]
fn the_template_filled_in_lacks_nothing() {
    let text = include_str!("../../../profiles/template.toml");
    let mut filled = String::new();
    for line in text.lines() {
        // As an integrator would: each placeholder becomes a word of the product.
        let line = match line.split_once("FILL IN") {
            Some((before, _)) if line.ends_with("\"]") => format!("{before}word\"]"),
            Some((before, _)) if line.ends_with('"') => format!("{before}word\""),
            _ => line.replace("FILL_IN_", "").replace("/FILL_IN", "/api"),
        };
        filled += &line;
        filled.push('\n');
    }
    assert_eq!(parse(&filled).expect("it is valid").lacks, [""; 0]);
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
        ("\"{given_name}\"", "1.5", "person.create.body", "no whole number"),
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

/// Each change of `text` must be refused with the key and the remedy.
fn each_is_refused(text: &str, table: &[(&str, &str, &str, &str)]) {
    for (old, new, key, remedy) in table {
        assert!(text.contains(old), "{old}");
        let error = parse(&text.replacen(old, new, 1)).expect_err(new).to_string();
        assert!(error.contains("test.toml") && error.contains(key) && error.contains(remedy), "{error}");
    }
}

#[test]
fn a_login_that_cannot_work_is_refused_with_key_and_remedy() {
    let session = "login = \"session\"";
    each_is_refused(
        EXOS,
        &[
            (session, "login = \"header\"", "login_header", "name the header"),
            (session, "login = \"header\"\nlogin_header = \"a b\"", "login_header", "HTTP header"),
            (session, "login = \"session\"\nlogin_header = \"X\"", "login_header", "remove it"),
            (session, "login = \"oauth\"", "login", "session"),
            ("use = \"api_login\"", "use = \"api\"", "session.use", "api_login, auth"),
            ("basic = true", "basic = false", "session.api_login.basic", "{password}"),
            ("\"{password}\"", "\"secret\"", "session.auth.basic", "{password}"),
            ("\"{username}\"", "\"{user}\"", "session.auth.body", "username, password"),
            ("v1/login\"", "v1/login?p={password}\"", "session.auth.path", "no place in a path"),
            ("\"/ApiKey\"", "\"ApiKey\"", "session.api_login.token.apikey", "JSON pointer"),
            ("\"{apikey}:{identifier}\"", "\"{key}\"", "session.api_login.send.basic", "apikey, identifier"),
            ("\"{apikey}:{identifier}\"", "\"fixed\"", "session.api_login.send.basic", "part of the token"),
            (
                "basic = \"{apikey}:{identifier}\"",
                "header = \"X\"",
                "session.api_login.send",
                "header and value",
            ),
            (
                "basic = \"{apikey}:{identifier}\"",
                "header = \"a b\"\nvalue = \"{apikey}\"",
                "session.api_login.send.header",
                "HTTP header",
            ),
            (
                "apikey = \"/ApiKey\"\nidentifier = \"/Identifier\"",
                "",
                "session.api_login.token",
                "name what",
            ),
        ],
    );
    let without = INTERFLEX.replacen("login = \"basic\"", "login = \"session\"", 1);
    assert!(parse(&without).expect_err("no section").to_string().contains("add the section"));
}

#[test]
fn a_request_that_cannot_work_is_refused_with_key_and_remedy() {
    each_is_refused(
        EXOS,
        &[
            (
                "[defaults]",
                "[user_field_properties]\nPhone = \"/Phones/Home\"\n[defaults]",
                "user_field_properties.Phone",
                "person.create",
            ),
            ("'{ext_id:odata}'", "'{ext_id}'", "person.find.path", "{ext_id:odata}"),
            ("'{ext_id:odata}'", "{ext_id:odata}", "person.find.path", "outside quotes"),
            ("'{person_ext_id:odata}'", "'{person_ext_id}'", "credential.find.path", "{person_ext_id:odata}"),
            ("[credential]\n", "[credential]\nx = 1\n", "unknown field", "x"),
            ("update_by_replacing = true", "", "credential.update", "update_by_replacing"),
            ("status = 400", "status = 500", "answers.conflict.status", "200 to 499"),
            ("status = 400", "status = 202", "answers.conflict.status", "200 to 499"),
            ("pointer = \"/Code\"", "pointer = \"Code\"", "answers.conflict.pointer", "JSON pointer"),
            ("look_up = true", "look_up = false", "answers.created_id", "looked up"),
            (
                "[credential.find.person]\nitems = \"/value\"",
                "[credential.find.person]\nitems = \"value\"",
                "credential.find.person.items",
                "JSON pointer",
            ),
        ],
    );
}

#[test]
fn a_list_of_persons_that_cannot_work_is_refused_with_key_and_remedy() {
    each_is_refused(
        EXOS,
        &[
            ("limit = 100", "limit = 0", "person.list.limit", "1 to 10000"),
            ("limit = 100", "", "person.list.limit", "1 to 10000"),
            ("$top={limit}&$skip={skip}", "$skip={skip}", "person.list.limit", "exactly where"),
            ("$top={limit}&$skip={skip}", "$top={limit}", "person.list.path", "one way"),
            (
                "$top={limit}&$skip={skip}",
                "$top={limit}&$skip={skip}&p={page}",
                "person.list.path",
                "one way",
            ),
            ("limit = 100", "limit = 100\nnext = \"next\"", "person.list.next", "JSON pointer"),
            ("limit = 100", "limit = 100\nnext = \"/next\"", "person.list.path", "one way"),
            ("limit = 100", "limit = 100\nfirst_page = 0", "person.list.first_page", "{page}"),
            ("limit = 100", "limit = 100\nfirst_path = \"/p\"", "person.list.first_path", "{after}"),
            ("$skip={skip}", "after={after}", "person.list.first_path", "{after}"),
            ("[person.list]", "[credential.list]", "credential.list", "only persons"),
        ],
    );
}

#[test]
fn what_only_some_products_have_is_refused_with_key_and_remedy_too() {
    each_is_refused(
        INTERFLEX,
        &[
            ("login = ", "idempotency_header = \"a b\"\nlogin = ", "idempotency_header", "HTTP header"),
            ("[answers]", "[probe]\nmethod = \"POST\"\npath = \"/x\"\n[answers]", "probe.method", "GET"),
            (
                "[answers]",
                "[probe]\nmethod = \"GET\"\npath = \"/{id}\"\n[answers]",
                "probe.path",
                "there are none",
            ),
            (
                "[credential.create]",
                "[person.find.fields]\n\"/x\" = \"/y\"\n[credential.create]",
                "person.find.fields",
                "/firstName",
            ),
            (
                "[credential.create]",
                "[person.find.fields]\n\"/firstName\" = \"y\"\n[credential.create]",
                "person.find.fields",
                "JSON pointer",
            ),
            (
                "[credential.create]",
                "[person.find.person]\nitems = \"\"\nid = \"\"\next_id = \"\"\n[credential.create]",
                "person.find.person",
                "not in another one",
            ),
            (
                "[person.create]",
                "[credential]\nupdate_by_replacing = true\n[person.create]",
                "credential.update_by_replacing",
                "remove it",
            ),
        ],
    );
    let update = INTERFLEX.find("[person.update]").zip(INTERFLEX.find("[person.remove]"));
    let (from, to) = update.expect("both are there");
    let without = format!("{}[person]\nupdate_by_replacing = true\n{}", &INTERFLEX[..from], &INTERFLEX[to..]);
    let error = parse(&without).expect_err("a person is never replaced").to_string();
    assert!(error.contains("person.update_by_replacing") && error.contains("all access"), "{error}");
}

#[test]
fn types_and_names_of_sources_are_the_same_in_any_case_and_unknown_names_are_attributes() {
    let profile = parse(INTERFLEX).expect("it is shipped");
    let mapped = [("Email.Work", "EmailAddress"), ("user.Country", "Country"), ("USER.ID", "Street")];
    let mapped = mapped.map(|(source, property)| (source.to_owned(), vec![property.to_owned()]));
    let rules = profile.rules(&SiteRules { user_field_mappings: mapped.into(), ..site() }).expect("it fits");
    let sources: Vec<&UserField> = rules.user_field_mappings.keys().collect();
    let named = |name: &str| UserField::User(name.into());
    assert_eq!(sources, [&UserField::Email("work".into()), &named("country"), &named("id")]);
}

#[test]
fn mappings_that_cannot_be_meant_are_refused_with_source_or_property_and_remedy() {
    let shared = INTERFLEX.replacen("Street = \"Street\"", "Street = \"City\"", 1);
    let (profile, shared) = (parse(INTERFLEX).expect("it is shipped"), parse(&shared).expect("it reads"));
    let site = |mapped: &[(&str, &[&str])]| SiteRules {
        user_field_mappings: mapped
            .iter()
            .map(|(source, all)| ((*source).to_owned(), all.iter().map(|one| (*one).to_owned()).collect()))
            .collect(),
        ..site()
    };
    let long = format!("phone.{}", "x".repeat(257));
    let many: Vec<String> = (0..=mappings::SOURCES_MAX).map(|at| format!("user.a{at}")).collect();
    let many: Vec<(&str, &[&str])> = many.iter().map(|source| (source.as_str(), &["City"][..])).collect();
    let table: [(&Profile, SiteRules, &str, &str); 12] = [
        (&profile, site(&[("phone", &["CellPhone"])]), "phone", "phone.TYPE"),
        (&profile, site(&[("email.", &["CellPhone"])]), "email.", "email.TYPE"),
        (&profile, site(&[("user.PIN", &["City"])]), "user.PIN", "no text of a user"),
        (&profile, site(&[(&long, &["City"])]), &long, "256 bytes"),
        (&profile, site(&[("phone.a\tb", &["City"])]), "phone.a\\tb", "control characters"),
        (&profile, site(&[("user.city", &[])]), "user.city", "1 to 16 properties"),
        (&profile, site(&[("user.city", &["City"; 17])]), "user.city", "1 to 16 properties"),
        (&profile, site(&[("user.city", &["City", "City"])]), "City", "name it once"),
        (
            &profile,
            site(&[("user.a", &["City"]), ("user.b", &["City"])]),
            "City",
            "from user.a and from user.b",
        ),
        (&profile, site(&[("user.A", &["City"]), ("user.a", &["Street"])]), "user.a", "once, with all"),
        (&profile, site(&many), "65", "at most 64 sources"),
        (&shared, site(&[("user.a", &["City"]), ("user.b", &["Street"])]), "Street", "in the same place"),
    ];
    for (profile, site, value, remedy) in table {
        let error = profile.rules(&site).expect_err(remedy).to_string();
        let named = format!("setting pacs.user_field_mappings = \"{value}\"");
        assert!(error.contains(&named) && error.contains(remedy), "{error}");
    }
}

#[test]
fn a_choice_that_is_empty_or_named_twice_is_refused() {
    let profile = parse(INTERFLEX).expect("it is shipped");
    let twice = vec!["AccessProfile".to_owned(); 2];
    let table = [
        (SiteRules { entitlement_import_types: twice, ..site() }, "entitlement_import_types", "twice"),
        (SiteRules { identifier_type: Some(String::new()), ..site() }, "identifier_type", "mifare"),
    ];
    for (site, key, remedy) in table {
        let error = profile.rules(&site).expect_err(remedy).to_string();
        assert!(error.contains(&format!("setting pacs.{key}")) && error.contains(remedy), "{error}");
    }
}

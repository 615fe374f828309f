//! By what one plans: names it, so that whoever plans by something else looks at everyone again.

use crate::export::plan::Caps;
use access::person::Settings;
use sha2::{Digest as _, Sha256};
use std::hash::{Hash as _, Hasher};

/// The name of what is planned by. Another program may plan otherwise, too.
pub(super) fn basis(settings: &Settings, caps: &Caps) -> [u8; 16] {
    let mut all = All(Sha256::new());
    (env!("CARGO_PKG_VERSION"), settings, caps).hash(&mut all);
    let mut cut = [0; 16];
    cut.copy_from_slice(&all.0.finalize()[..16]);
    cut
}

/// Takes whatever is hashed; the short hash that others would have of it is not asked for.
struct All(Sha256);

impl Hasher for All {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::planning::tests::settings;
    use access::card::{CardNumberFormat, Layout, Wiegand};
    use access::person::UserField;
    use std::collections::BTreeSet;

    #[test]
    fn whatever_is_planned_by_is_part_of_it() {
        let changed = |change: fn(&mut Settings)| {
            let mut settings = settings();
            change(&mut settings);
            basis(&settings, &Caps::NONE)
        };
        let wiegand = |facility| {
            CardNumberFormat::Wiegand(Wiegand {
                layout: Layout::Bits26,
                facility,
                separator: None,
                cut: false,
            })
        };
        let formats = [wiegand(None), wiegand(Some(1)), wiegand(Some(2))];
        let formats = formats
            .map(|card_number_format| basis(&Settings { card_number_format, ..settings() }, &Caps::NONE));
        let all = [
            changed(|_| {}),
            changed(|it| it.delete_user_on_no_access_token = false),
            changed(|it| it.default_organization = Some("one".into())),
            changed(|it| it.default_organization = Some("two".into())),
            changed(|it| {
                drop(it.user_field_mappings.insert(UserField::User("language".into()), vec!["x".into()]))
            }),
            changed(|it| it.entitlement_import_types = vec!["a".into(), "bc".into()]),
            changed(|it| it.entitlement_import_types = vec!["ab".into(), "c".into()]),
            basis(&settings(), &Caps { look_up: true, ..Caps::NONE }),
        ];
        let all: BTreeSet<[u8; 16]> = all.into_iter().chain(formats).collect();
        assert_eq!(all.len(), 11);
        assert!(all.contains(&basis(&settings(), &Caps::NONE)), "the same of the same");
    }
}

//! Effective status: what a token is worth, computed from user and token and never stored, so that a
//! reactivated user gets back exactly what was not barred for its own sake.
//!
//! The table is that of the seeds: what becomes of a user's credentials and of the certificates on them when the
//! user is set inactive, locked, or active again.
//!
//! Not here: windows ([`crate::trust`]), and telling the authority that issued a certificate: its state is
//! reported and nothing more.

use crate::token::{TokenKind, TokenStatus};
use crate::user::UserStatus;

/// What should become of the certificates that belong to a token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Certificate {
    /// In force.
    Valid,
    /// Out of force for the time being.
    OnHold,
    /// Out of force for good.
    Revoked,
}

impl Certificate {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Certificate::Valid => "valid",
            Certificate::OnHold => "on hold",
            Certificate::Revoked => "revoked",
        }
    }
}

/// Where a token and its certificates end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// The token's effective status.
    pub token: TokenStatus,
    /// The state of its certificates.
    pub certificate: Certificate,
}

use Certificate::{OnHold, Valid};
use TokenKind::{Card, MobileId, SoftToken, TemporaryCard, VirtualSmartCard};
use UserStatus as User;

/// What a user's status makes of a token that its own status leaves active. A temporary card is not given back,
/// so its certificates are revoked where others are put on hold. For a locked user the model names no
/// certificates; what is revoked cannot be taken back and a lock can, so they are on hold.
pub const TABLE: [(User, TokenKind, TokenStatus, Certificate); 15] = [
    (User::Active, Card, TokenStatus::Active, Valid),
    (User::Active, TemporaryCard, TokenStatus::Active, Valid),
    (User::Active, VirtualSmartCard, TokenStatus::Active, Valid),
    (User::Active, MobileId, TokenStatus::Active, Valid),
    (User::Active, SoftToken, TokenStatus::Active, Valid),
    (User::Inactive, Card, TokenStatus::Inactive, OnHold),
    (User::Inactive, TemporaryCard, TokenStatus::Locked, Certificate::Revoked),
    (User::Inactive, VirtualSmartCard, TokenStatus::Inactive, OnHold),
    (User::Inactive, MobileId, TokenStatus::Inactive, OnHold),
    (User::Inactive, SoftToken, TokenStatus::Inactive, OnHold),
    (User::Locked, Card, TokenStatus::Locked, OnHold),
    (User::Locked, TemporaryCard, TokenStatus::Locked, Certificate::Revoked),
    (User::Locked, VirtualSmartCard, TokenStatus::Locked, OnHold),
    (User::Locked, MobileId, TokenStatus::Locked, OnHold),
    (User::Locked, SoftToken, TokenStatus::Locked, OnHold),
];

/// Where a token ends: as its user's status leaves it, or as its own says where that is stricter. What the table
/// does not name is barred.
pub fn end(user: UserStatus, kind: TokenKind, own: TokenStatus) -> End {
    let row = TABLE.iter().find(|(of_user, of_kind, ..)| (*of_user, *of_kind) == (user, kind));
    let (token, certificate) =
        row.map_or((TokenStatus::Locked, OnHold), |(_, _, token, certificate)| (*token, *certificate));
    End {
        token: if severity(token) > severity(own) { token } else { own },
        certificate: certificate.max(own_certificate(kind, own)),
    }
}

/// The token's status as its user's leaves it.
pub fn effective(user: UserStatus, kind: TokenKind, own: TokenStatus) -> TokenStatus {
    end(user, kind, own).token
}

/// What the token's own status says of its certificates, whoever holds it.
fn own_certificate(kind: TokenKind, own: TokenStatus) -> Certificate {
    match (own, kind) {
        (TokenStatus::Active, _) => Valid,
        (TokenStatus::Revoked, _) | (TokenStatus::Locked, TemporaryCard) => Certificate::Revoked,
        (TokenStatus::Inactive, _)
        | (TokenStatus::Locked, Card | VirtualSmartCard | MobileId | SoftToken) => OnHold,
    }
}

/// A user's status never softens what the source says of the token itself.
fn severity(status: TokenStatus) -> u8 {
    match status {
        TokenStatus::Active => 0,
        TokenStatus::Inactive => 1,
        TokenStatus::Locked => 2,
        TokenStatus::Revoked => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::{Certificate, OnHold, TABLE, Valid, effective, end};
    use crate::token::TokenKind::{self, Card, MobileId, SoftToken, TemporaryCard, VirtualSmartCard};
    use crate::token::TokenStatus::{self, Active, Inactive, Locked, Revoked};
    use crate::user::UserStatus;
    use alloc::vec::Vec;

    /// The user is set inactive.
    const DEACTIVATED: &str = "
        Credentials                               End state   Certificates end state
        Card and related certificates             inactive    on hold
        Temporary card and related certificates   locked      revoked
        Virtual smart card and related certificates  inactive  on hold
        Mobile ID and related certificates        inactive    on hold
        Soft token and related certificates       inactive    on hold";

    /// The user is locked.
    const LOCKED: &str = "
        Credentials                               End state   Certificates end state
        Card and related certificates             locked      on hold
        Temporary card and related certificates   locked      revoked
        Virtual smart card and related certificates  locked    on hold
        Mobile ID and related certificates        locked      on hold
        Soft token and related certificates       locked      on hold";

    /// The user is active again.
    const REACTIVATED: &str = "
        Credentials                               End state   Certificates end state
        Card and related certificates             active      valid
        Temporary card and related certificates   active      valid
        Virtual smart card and related certificates  active    valid
        Mobile ID and related certificates        active      valid
        Soft token and related certificates       active      valid";

    const OWN: [TokenStatus; 4] = [Active, Inactive, Locked, Revoked];

    fn kind(name: &str) -> TokenKind {
        match name {
            "Card" => Card,
            "Temporary card" => TemporaryCard,
            "Virtual smart card" => VirtualSmartCard,
            "Mobile ID" => MobileId,
            "Soft token" => SoftToken,
            other => panic!("{other}"),
        }
    }

    fn rows(table: &str) -> Vec<(TokenKind, TokenStatus, Certificate)> {
        let row = |line: &str| {
            let (name, ends) = line.split_once(" and related certificates ").expect("a credential");
            let (token, certificate) = ends.trim().split_once(' ').expect("two end states");
            let token = match token {
                "active" => Active,
                "inactive" => Inactive,
                "locked" => Locked,
                other => panic!("{other}"),
            };
            let certificate = [Valid, OnHold, Certificate::Revoked]
                .into_iter()
                .find(|state| state.as_str() == certificate.trim())
                .expect(certificate);
            (kind(name.trim()), token, certificate)
        };
        table.lines().skip(2).map(row).collect()
    }

    #[test]
    fn credentials_and_certificates_end_as_the_tables_of_the_seeds_say() {
        let tables = [
            (UserStatus::Inactive, DEACTIVATED),
            (UserStatus::Locked, LOCKED),
            (UserStatus::Active, REACTIVATED),
        ];
        for (user, table) in tables {
            let rows = rows(table);
            assert_eq!(rows.len(), 5);
            for (kind, token, certificate) in rows {
                let found = end(user, kind, Active);
                assert_eq!((found.token, found.certificate), (token, certificate), "{user:?} {kind:?}");
            }
        }
    }

    #[test]
    fn the_table_names_every_pair_once() {
        let users = [UserStatus::Active, UserStatus::Inactive, UserStatus::Locked];
        for user in users {
            for kind in [Card, TemporaryCard, VirtualSmartCard, MobileId, SoftToken] {
                let times = TABLE.iter().filter(|row| (row.0, row.1) == (user, kind)).count();
                assert_eq!(times, 1, "{user:?} {kind:?}");
            }
        }
    }

    #[test]
    fn reactivation_brings_back_only_what_was_not_barred_for_its_own_sake() {
        for own in OWN {
            assert_eq!(effective(UserStatus::Active, Card, own), own);
        }
        assert_eq!(effective(UserStatus::Inactive, Card, Revoked), Revoked);
        assert_eq!(effective(UserStatus::Locked, Card, Inactive), Locked);
    }

    #[test]
    fn what_bars_a_token_for_its_own_sake_bars_its_certificates() {
        let table = [
            (Card, Active, Valid),
            (Card, Inactive, OnHold),
            (Card, Locked, OnHold),
            (Card, Revoked, Certificate::Revoked),
            (TemporaryCard, Inactive, OnHold),
            (TemporaryCard, Locked, Certificate::Revoked),
            (TemporaryCard, Revoked, Certificate::Revoked),
        ];
        for (kind, own, certificate) in table {
            assert_eq!(end(UserStatus::Active, kind, own).certificate, certificate, "{kind:?} {own:?}");
        }
    }

    #[test]
    fn neither_users_nor_tokens_status_ever_softens_the_other() {
        for (user, kind, token, certificate) in TABLE {
            for own in OWN {
                let (found, alone) = (end(user, kind, own), end(UserStatus::Active, kind, own));
                assert!(super::severity(found.token) >= super::severity(token).max(super::severity(own)));
                assert!(found.certificate >= certificate.max(alone.certificate));
                assert_eq!(found.certificate == Valid, found.token == Active, "{user:?} {kind:?} {own:?}");
            }
        }
    }
}

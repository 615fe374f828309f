//! Effective status: what a token is worth, computed from user and token and never stored, so that a
//! reactivated user gets back exactly what was not barred for its own sake (seed 004).

use crate::token::{TokenKind, TokenStatus};
use crate::user::UserStatus;

/// The token's status as its user's leaves it.
pub fn effective(user: UserStatus, kind: TokenKind, own: TokenStatus) -> TokenStatus {
    let from_user = match (user, kind) {
        (UserStatus::Active, _) => TokenStatus::Active,
        (UserStatus::Locked, _) | (UserStatus::Inactive, TokenKind::TemporaryCard) => TokenStatus::Locked,
        (
            UserStatus::Inactive,
            TokenKind::Card | TokenKind::VirtualSmartCard | TokenKind::MobileId | TokenKind::SoftToken,
        ) => TokenStatus::Inactive,
    };
    if severity(from_user) > severity(own) { from_user } else { own }
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
    use super::effective;
    use crate::token::TokenKind::{Card, MobileId, SoftToken, TemporaryCard, VirtualSmartCard};
    use crate::token::TokenStatus::{self, Active, Inactive, Locked, Revoked};
    use crate::user::UserStatus;

    #[test]
    fn an_inactive_user_ends_as_seed_004_says() {
        let table = [
            (Card, Inactive),
            (TemporaryCard, Locked),
            (VirtualSmartCard, Inactive),
            (MobileId, Inactive),
            (SoftToken, Inactive),
        ];
        for (kind, end) in table {
            assert_eq!(effective(UserStatus::Inactive, kind, Active), end, "{kind:?}");
            assert_eq!(effective(UserStatus::Locked, kind, Active), Locked, "{kind:?}");
            assert_eq!(effective(UserStatus::Active, kind, Active), Active, "{kind:?}");
        }
    }

    #[test]
    fn reactivation_brings_back_only_what_was_not_barred_for_its_own_sake() {
        let own: [TokenStatus; 3] = [Inactive, Locked, Revoked];
        for status in own {
            assert_eq!(effective(UserStatus::Active, Card, status), status);
        }
        assert_eq!(effective(UserStatus::Inactive, Card, Revoked), Revoked);
        assert_eq!(effective(UserStatus::Locked, Card, Inactive), Locked);
    }
}

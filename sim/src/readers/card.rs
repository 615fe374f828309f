//! Cards: what each says when it is powered, selected or asked.

/// A card that can be laid on a reader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    kind: Kind,
    uid: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Mini,
    Classic1k,
    Classic4k,
    Ultralight,
    Desfire,
    /// Its UID is drawn anew at each power-up.
    DesfireRandomId,
}

impl Card {
    /// MIFARE Classic Mini.
    pub fn mini(uid: &[u8]) -> Card {
        Card { kind: Kind::Mini, uid: uid.into() }
    }

    /// MIFARE Classic with 1 KiB.
    pub fn classic_1k(uid: &[u8]) -> Card {
        Card { kind: Kind::Classic1k, uid: uid.into() }
    }

    /// MIFARE Classic with 4 KiB.
    pub fn classic_4k(uid: &[u8]) -> Card {
        Card { kind: Kind::Classic4k, uid: uid.into() }
    }

    /// MIFARE Ultralight.
    pub fn ultralight(uid: &[u8]) -> Card {
        Card { kind: Kind::Ultralight, uid: uid.into() }
    }

    /// NTAG213, which a PC/SC reader does not tell from an Ultralight.
    pub fn ntag(uid: &[u8]) -> Card {
        Card::ultralight(uid)
    }

    /// MIFARE DESFire EV2.
    pub fn desfire(uid: &[u8]) -> Card {
        Card { kind: Kind::Desfire, uid: uid.into() }
    }

    /// MIFARE DESFire EV2 that shows a random UID.
    pub fn desfire_random_id() -> Card {
        Card { kind: Kind::DesfireRandomId, uid: vec![0; 7] }
    }

    /// The UID, as long as it is fixed.
    pub fn uid(&self) -> &[u8] {
        &self.uid
    }

    /// As a PC/SC reader tells of it (PC/SC part 3, 3.1.3.2.3).
    pub fn atr(&self) -> Vec<u8> {
        let name = match self.kind {
            Kind::Classic1k => 0x01,
            Kind::Classic4k => 0x02,
            Kind::Ultralight => 0x03,
            Kind::Mini => 0x26,
            Kind::Desfire | Kind::DesfireRandomId => return vec![0x3B, 0x81, 0x80, 0x01, 0x80, 0x80],
        };
        let mut atr =
            vec![0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0, 0, 3, 6, 3, 0, name, 0, 0, 0, 0];
        atr.push(atr[1..].iter().fold(0, |sum, byte| sum ^ byte));
        atr
    }

    /// Select acknowledge.
    pub fn sak(&self) -> u8 {
        match self.kind {
            Kind::Ultralight => 0x00,
            Kind::Mini => 0x09,
            Kind::Classic1k => 0x08,
            Kind::Classic4k => 0x18,
            Kind::Desfire | Kind::DesfireRandomId => 0x20,
        }
    }

    /// Answer to request, as it is commonly printed.
    pub fn atqa(&self) -> [u8; 2] {
        match (self.kind, self.uid.len()) {
            (Kind::Ultralight, _) => [0x00, 0x44],
            (Kind::Classic4k, _) => [0x00, 0x02],
            (Kind::Mini | Kind::Classic1k, _) => [0x00, 0x04],
            (Kind::DesfireRandomId, _) => [0x03, 0x04],
            (Kind::Desfire, _) => [0x03, 0x44],
        }
    }

    /// Answer to select, its length byte first, for a card that speaks ISO/IEC 14443-4.
    pub fn ats(&self) -> Option<Vec<u8>> {
        matches!(self.kind, Kind::Desfire | Kind::DesfireRandomId)
            .then(|| vec![0x06, 0x75, 0x77, 0x81, 0x02, 0x80])
    }

    /// The card in a field: its random UID is drawn with `seed`.
    pub fn powered(&self, seed: u32) -> Powered {
        let uid = match self.kind {
            // The first byte says that it is random (ISO/IEC 14443-3).
            Kind::DesfireRandomId => [&[0x08], &seed.to_be_bytes()[1..]].concat(),
            _ => self.uid.clone(),
        };
        Powered { card: self.clone(), uid, parts_given: 0 }
    }
}

/// A card in a field.
#[derive(Clone, Debug)]
pub struct Powered {
    card: Card,
    uid: Vec<u8>,
    /// Parts of the version that were given out.
    parts_given: usize,
}

impl Powered {
    /// The card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The UID that it shows now.
    pub fn uid(&self) -> &[u8] {
        &self.uid
    }

    /// The answer to an APDU, given by the reader or by the card itself.
    pub fn apdu(&mut self, apdu: &[u8]) -> Vec<u8> {
        const OK: [u8; 2] = [0x90, 0x00];
        match apdu {
            [0xFF, 0xCA, 0x00, 0x00, ..] => [self.uid.as_slice(), &OK].concat(),
            // For a card that speaks ISO/IEC 14443-4 the reader gives its historical bytes.
            [0xFF, 0xCA, 0x01, 0x00, ..] if self.card.ats().is_some() => vec![0x80, 0x90, 0x00],
            [0x90, command, ..] if self.card.ats().is_some() => self.desfire(*command),
            [0xFF, ..] => vec![0x6A, 0x81],
            _ => vec![0x6D, 0x00],
        }
    }

    /// A DESFire command without its wrapping: its status last, as 91 xx.
    pub fn desfire(&mut self, command: u8) -> Vec<u8> {
        if command == 0x60 {
            self.parts_given = 0;
        } else if command != 0xAF || self.parts_given == 0 {
            return vec![0x91, 0x1C];
        }
        let parts = self.version();
        let Some(part) = parts.get(self.parts_given) else { return vec![0x91, 0x1C] };
        self.parts_given += 1;
        let status = if self.parts_given == parts.len() { 0x00 } else { 0xAF };
        [part.as_slice(), &[0x91, status]].concat()
    }

    /// EV2: hardware, software, production. With a random UID the place of the UID is empty.
    fn version(&self) -> [Vec<u8>; 3] {
        let hardware = vec![0x04, 0x01, 0x01, 0x12, 0x00, 0x18, 0x05];
        let software = vec![0x04, 0x01, 0x01, 0x02, 0x01, 0x18, 0x05];
        let production = [self.card.uid.as_slice(), &[0xBA, 0x54, 0x11, 0x22, 0x33, 0x30, 0x21]].concat();
        [hardware, software, production]
    }
}

#[cfg(test)]
mod tests {
    use super::Card;

    #[test]
    fn a_random_id_lasts_as_long_as_the_field() {
        let card = Card::desfire_random_id();
        let mut powered = card.powered(0x00A1_B2C3);
        assert_eq!(powered.apdu(&[0xFF, 0xCA, 0, 0, 0]), [0x08, 0xA1, 0xB2, 0xC3, 0x90, 0x00]);
        assert_eq!(powered.uid(), [0x08, 0xA1, 0xB2, 0xC3]);
        assert_ne!(card.powered(7).uid(), powered.uid());
    }

    #[test]
    fn a_version_comes_in_three_parts_and_in_order() {
        let mut powered = Card::desfire(&[4, 1, 2, 3, 4, 5, 6]).powered(0);
        assert_eq!(powered.apdu(&[0x90, 0xAF, 0, 0, 0]), [0x91, 0x1C], "nothing was asked for");
        let statuses = [0x60, 0xAF, 0xAF, 0xAF].map(|command| {
            let answer = powered.apdu(&[0x90, command, 0, 0, 0]);
            (answer.len() - 2, answer[answer.len() - 1])
        });
        assert_eq!(statuses, [(7, 0xAF), (7, 0xAF), (14, 0x00), (0, 0x1C)]);
    }
}

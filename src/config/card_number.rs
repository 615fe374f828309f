//! The settings of card numbers, as one checked format. docs/card-numbers.md is their description.
//!
//! Not here: rendering (`access::card`).

#[cfg(test)]
mod tests;

use super::{ConfigError, Pacs};
use access::card::{CardNumberFormat, LINEAR_MAX_DIGITS, Layout, SEPARATORS, Wiegand};
use serde::Deserialize;
use std::path::Path;

/// How card numbers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardNumberFormatName {
    /// Hexadecimal.
    #[default]
    Hex,
    /// Hexadecimal, the last byte first.
    HexReversed,
    /// Decimal.
    Decimal,
    /// Decimal, the last byte first.
    DecimalReversed,
    /// Decimal, filled with zeros to `card_number_digits`.
    Linear,
    /// Facility of 8 bits, number of 16 (H10301).
    Wiegand26,
    /// Facility of 16 bits, number of 16 (H10306).
    Wiegand34,
    /// Facility of 16 bits, number of 19 (H10304).
    Wiegand37,
    /// Number of 35 bits (H10302).
    Wiegand37Plain,
}

impl CardNumberFormatName {
    fn layout(self) -> Option<Layout> {
        match self {
            CardNumberFormatName::Wiegand26 => Some(Layout::Bits26),
            CardNumberFormatName::Wiegand34 => Some(Layout::Bits34),
            CardNumberFormatName::Wiegand37 => Some(Layout::Bits37),
            CardNumberFormatName::Wiegand37Plain => Some(Layout::Bits37Plain),
            CardNumberFormatName::Hex
            | CardNumberFormatName::HexReversed
            | CardNumberFormatName::Decimal
            | CardNumberFormatName::DecimalReversed
            | CardNumberFormatName::Linear => None,
        }
    }
}

/// What is wrong with a setting of the section `[pacs]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit {
    /// Its dotted key.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Unfit {
    /// As a complaint about `file`, where the value is not at hand.
    pub fn in_file(self, file: &Path) -> ConfigError {
        let Unfit { key, problem, remedy } = self;
        ConfigError { file: file.into(), key: key.into(), value: None, problem, remedy }
    }
}

fn unfit(key: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Unfit {
    Unfit { key, problem: problem.into(), remedy: remedy.into() }
}

impl Pacs {
    /// How card numbers are written, if the settings of it go together.
    ///
    /// # Errors
    /// The first setting that means nothing beside the others, or that the format does not have.
    pub fn card_number(&self) -> Result<CardNumberFormat, Unfit> {
        let name = self.card_number_format;
        if name != CardNumberFormatName::Linear && self.card_number_digits.is_some() {
            return Err(unfit(
                "pacs.card_number_digits",
                "means nothing without the linear format",
                "remove it, or set pacs.card_number_format = \"linear\"",
            ));
        }
        if let Some(layout) = name.layout() {
            return self.wiegand(layout).map(CardNumberFormat::Wiegand);
        }
        let idle = [
            ("pacs.card_number_facility", self.card_number_facility.is_some()),
            ("pacs.card_number_separator", self.card_number_separator.is_some()),
            ("pacs.card_number_cut", self.card_number_cut),
        ];
        if let Some((key, _)) = idle.into_iter().find(|(_, is_set)| *is_set) {
            let remedy = "remove it, or set pacs.card_number_format to a format that begins with \"wiegand\"";
            return Err(unfit(key, "means nothing without a Wiegand format", remedy));
        }
        match name {
            CardNumberFormatName::HexReversed => Ok(CardNumberFormat::HexReversed),
            CardNumberFormatName::Decimal => Ok(CardNumberFormat::Decimal),
            CardNumberFormatName::DecimalReversed => Ok(CardNumberFormat::DecimalReversed),
            CardNumberFormatName::Linear => self.linear(),
            CardNumberFormatName::Hex
            | CardNumberFormatName::Wiegand26
            | CardNumberFormatName::Wiegand34
            | CardNumberFormatName::Wiegand37
            | CardNumberFormatName::Wiegand37Plain => Ok(CardNumberFormat::Hex),
        }
    }

    fn linear(&self) -> Result<CardNumberFormat, Unfit> {
        let digits = self.card_number_digits.filter(|digits| (1..=LINEAR_MAX_DIGITS).contains(digits));
        digits.map(|digits| CardNumberFormat::Linear { digits }).ok_or_else(|| {
            unfit(
                "pacs.card_number_digits",
                "is missing, or not within 1 to 39",
                "give the number of digits that the PACS expects",
            )
        })
    }

    fn wiegand(&self, layout: Layout) -> Result<Wiegand, Unfit> {
        const FACILITY: &str = "pacs.card_number_facility";
        const SEPARATOR: &str = "pacs.card_number_separator";
        let facility = match (self.card_number_facility, layout.facility_max()) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(unfit(FACILITY, "is for formats with a facility", "remove it"));
            }
            (Some(facility), Some(max)) => {
                let fits = u16::try_from(facility).ok().filter(|facility| *facility <= max);
                let remedy = format!("give 0 to {max}, as encoded on the site's cards");
                Some(fits.ok_or_else(|| unfit(FACILITY, "is not a facility of this format", remedy))?)
            }
        };
        let separator = match self.card_number_separator.as_deref() {
            None => None,
            Some(_) if layout.facility_max().is_none() => {
                return Err(unfit(SEPARATOR, "has no facility to stand after", "remove it"));
            }
            Some(text) => {
                let one = SEPARATORS.into_iter().find(|known| text.chars().eq([*known]));
                let remedy = "give one of - : , . / and the space, or remove the key for digits alone";
                Some(one.ok_or_else(|| unfit(SEPARATOR, "is not a separator", remedy))?)
            }
        };
        Ok(Wiegand { layout, facility, separator, cut: self.card_number_cut })
    }
}

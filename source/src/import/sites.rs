//! Records for one site only: a file may feed several, each line naming its own. No IO.

use contract::id::SiteId;

/// Which lines of a file are for the site it is read for.
#[derive(Clone, Debug)]
pub(super) struct Sites<'a> {
    ours: Option<&'a SiteId>,
    /// Lines for other sites.
    pub(super) left_out: u64,
    /// The first line that names a site while ours is not known.
    pub(super) unknown_at: Option<u64>,
}

impl<'a> Sites<'a> {
    pub(super) fn new(ours: Option<&'a SiteId>) -> Sites<'a> {
        Sites { ours, left_out: 0, unknown_at: None }
    }

    /// Whether the line is for us; one that names no site is for all.
    ///
    /// # Errors
    /// Why there can be no such site.
    pub(super) fn takes(&mut self, line: u64, named: Option<&str>) -> Result<bool, &'static str> {
        let Some(named) = named else { return Ok(true) };
        let named = SiteId::new(named)?;
        match self.ours {
            None => self.unknown_at = self.unknown_at.or(Some(line)),
            Some(ours) if *ours == named => return Ok(true),
            Some(_) => self.left_out += 1,
        }
        Ok(false)
    }
}

//! doorward-source

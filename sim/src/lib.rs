//! doorward-sim

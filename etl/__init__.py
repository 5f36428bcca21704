"""How data come in: pure functions, frames in and frames out. No storage, no orchestration."""

"""The checks beside the figures asked of them: seeded faults, real tables, a million rows."""

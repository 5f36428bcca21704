"""Numbers computed from compositions (`composition`, `charge`), structures (`structure`) and families (`grouping`).

Pure functions, frames in and frames out; a row that cannot be computed stays with `ok` false and a `reason`, and a
feature that does not apply is null, never zero. Learned models are in `models`.
"""

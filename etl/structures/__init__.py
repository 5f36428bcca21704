"""Crystal structures: reading, checking, prototypes and candidate enumeration."""

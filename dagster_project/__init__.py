"""When things run: assets, checks, sensors, schedules and the command line. No domain logic."""

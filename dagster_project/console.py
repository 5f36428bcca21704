"""What a run prints while it goes: one line a step on stderr. The whole log is in the UI."""

import logging
import sys
import time

import dagster as dg


class StepLines(logging.Handler):
    """Prints finished and failed steps, and warnings of the steps themselves."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a record if it is one of these."""
        event = getattr(record, "dagster_event", None)
        if event is None:
            said = f"  warning {record.getMessage()}" if record.levelno >= logging.WARNING else None
        else:
            how = {"STEP_SUCCESS": "done", "STEP_FAILURE": "FAILED"}.get(event.event_type_value)
            said = f"  {time.monotonic() - self._start:6.1f} s  {how:<6}  {event.step_key}" if how else None
        if said:
            sys.stderr.write(f"{said}\n")


@dg.logger(config_schema={"quiet": dg.Field(bool, default_value=False)}, description="One line a step on stderr.")
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """The console of a run; nothing with `quiet`."""
    logger = logging.Logger("matloom.run")
    logger.addHandler(logging.NullHandler() if context.logger_config["quiet"] else StepLines())
    return logger

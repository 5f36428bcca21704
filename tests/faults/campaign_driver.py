"""A process that brings a campaign of rehearsed calculations to its end, to be killed by `test_calculations`.

python campaign_driver.py FOLDER COUNT
"""

import sys
import time
from pathlib import Path

import numpy as np

from models.evaluators import service
from models.evaluators.calculations import Atoms, Calculation
from models.evaluators.executors import Local
from models.evaluators.ledger import Ledger
from models.evaluators.states import State

CAPS = service.Caps(running=8, hours=0.1, attempts=30)
ATOMS = Atoms(lattice=np.eye(3) * 4.2, symbols=("Ni", "O"), coords=np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))
FAILS = (["scf"], ["scf"] * 2, ["scf"] * 99, [], ["memory"], [], [], [], [], [])


def wanted(count: int) -> list[tuple[Calculation, str]]:
    """Calculations of which some fail: every tenth converges with no remedy."""
    return [
        (
            Calculation(
                engine="recorded",
                settings={"values": {"gap_eV": k / 100}, "seconds": 0.02, "fails": FAILS[k % len(FAILS)]},
                structure=ATOMS.as_json(),
                label=f"rehearsal {k}",
            ),
            "the fault test",
        )
        for k in range(count)
    ]


def main(folder: Path, count: int) -> None:
    """Ticks until nothing waits."""
    # processes that are killed while they start an attempt must not be waited for long
    service.START_S = 0.3
    ledger, executor = Ledger(folder), Local()
    service.ask(ledger, wanted(count))
    while True:
        service.submit(ledger, executor, CAPS)
        service.poll(ledger, executor, CAPS)
        ended = ledger.standings(State.ACCEPTED, State.CALCULATION_FAILED, State.REJECTED)
        if len(ended) == count:
            return
        time.sleep(0.005)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

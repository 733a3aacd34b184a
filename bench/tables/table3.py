"""Table 3: t* and seconds for each sigma, one-shot and full chain, every session, beside the printed cells."""

from bench.protocols import Table
from bench.studies.draws import campaign, page

TABLE = Table(3, "t* steps and seconds", campaign.table3, page.table3)

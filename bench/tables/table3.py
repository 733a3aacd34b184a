"""Table 3: t* and seconds for each sigma, one-shot and full chain, every session: `bench/studies/draws`."""

from bench.protocols import Table

TABLE = Table("3", "t* steps and seconds")

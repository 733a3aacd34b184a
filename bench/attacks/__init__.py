"""One file is one attack: `build(target, budget) -> Attack`. What an attack is given lies in `_budget.py` and `_target.py`."""

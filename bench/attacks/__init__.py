"""One file is one attack: `build(target, budget) -> Attack`. What an attack is given lies in `_budget.py` and `_target.py`.

VARIANTS, where a file has them: other names of the attack with other settings (`_variant.py`). MAPS = True: it attacks relevance maps.
`outcome(...)`, where a file has it: the attack with what it says of itself, picture by picture. `bench/worlds/attack.py` finds all by name.
"""

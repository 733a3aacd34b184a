"""What `./run test` leaves out and `./run test --extra` runs: a browser, a fresh environment, many engines, long kills, whole rehearsals.

A test belongs here if it takes minutes or needs what a plain installation lacks; what it guards has a shorter check in one of the three
tiers.
"""

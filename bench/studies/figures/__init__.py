"""The paper's figures, and the maps of one picture."""

"""One file is one way to run a network. The modules in NOT_PLUGINS are what they share.

TAKES                 "network" (a PyTorch module) or "artifact" (an exported file): what `load` is given
PRECISIONS            what it can compute in
available()           why it cannot run here, None if it can
told(device)          what it computes with there, in one line; only where it is available
load(source, device)  the Session
"""

NOT_PLUGINS = ("engines", "precision", "split")

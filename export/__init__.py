"""Turns modules into artifacts, each checked for parity before anybody may time it."""

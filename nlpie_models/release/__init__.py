"""Releases: what is checked, cards, bundles, conversions, and the pushes; the only room that writes to the Hub."""

"""The trial: every deviant against the cases that must catch it; a check that nothing can fail proves nothing."""

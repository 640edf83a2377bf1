"""Speed as ratios: ours against somebody else's, measured in turns in the same run."""

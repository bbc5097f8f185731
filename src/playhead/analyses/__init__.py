"""Ready-made analyses of a recording: each a module over replays that step, watch and look. They change nothing."""

"""Ready-made analyses of a recording: each a module over a replay that steps, watches and looks, and changes nothing."""

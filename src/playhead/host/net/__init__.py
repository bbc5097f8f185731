"""The host's side of networks: what `-netdev` connects a card to."""

"""Random instructions: their cases, initial states, known differences, and how our engines run them."""

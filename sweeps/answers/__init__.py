"""What the sweeps make of their results: tables, figures, what they say on the screen and in the report."""

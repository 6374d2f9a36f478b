"""Options that several commands share, and what the shell completes."""

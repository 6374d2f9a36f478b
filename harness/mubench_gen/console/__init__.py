"""What a person sees on a terminal: progress, tables, formats; stdout is for results alone."""

"""runs → comparison: differences, their intervals and tests, and what makes runs comparable."""

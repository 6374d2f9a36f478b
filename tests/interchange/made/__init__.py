"""The questions, the endpoint that answers them, and the tasks of other harnesses."""

"""Every α under each of several conditions: prompts, controls, image transforms."""

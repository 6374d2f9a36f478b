"""sample → rendered prompt: templates, in a sandbox, and the orders of the options."""

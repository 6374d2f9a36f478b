"""A number of answers, asked where they decide which α is the best."""

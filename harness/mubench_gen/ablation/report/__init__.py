"""A study's findings as people read them: tables, sentences, figures, a page, data frames."""

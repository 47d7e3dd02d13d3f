"""The pages that people see: templates, what they say in each language, and whose they are."""

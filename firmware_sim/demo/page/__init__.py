"""The report page: one offline file, both languages, made to be looked at."""

"""Rules: the three shipped models and an organization's own policies, in Cedar.

`text` splits Cedar into tokens, `places` finds where it is wrong, `schema` and `check` say all that is; `scopes` reads
what a policy could match, `slices` keeps only those that can match a question, `engine` evaluates them; `versions` is
their history, `dryrun` what another version would change.
"""

"""What policy knows and decides: values in, events or a decision out. No I/O, no clock, no ids made (docs/policy.md).

`entities` names things and questions. `facts` are what administrators and owners say, `form` and `checks` what they
may say, `history` the events that hold it, `spelled` its JSON. `reach` is what follows from facts; `pointers` leads to
them from what they speak of. `standing` says whether a subject may act at all. `case` gathers what speaks to a
question, `asked` puts it to Cedar, `rules` are the policies that answer, and `decision` is all of it together;
`explained` and `missing` put it into words, and `search` asks the other way around.
"""

"""How well text is read: gold, scores and baselines. One module a kind of gold: how its files are read and compared.

What can be evaluated is listed in `tasks`, figures and their intervals are `scores`, the tables of a report
`reading`. Nothing that reads text knows of this folder.
"""

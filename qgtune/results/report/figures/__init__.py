"""The figures of a study as plain data in plotly's form, from which both the page and the pictures are drawn.

Optuna's own plots leave pruned trials out, and build objects that take seconds to import.
"""

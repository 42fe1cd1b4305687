"""Where a study is kept: one file a kind of storage, how they are named and opened. No trial is judged here."""

"""One life of an attempt: who runs it, how it ends, what is still owed. No storage is opened here."""

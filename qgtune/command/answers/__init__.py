"""How verbs answer: a table or lines for people, one JSON document with a published schema for programs."""

"""Records: the tables that finished cells leave, their schema, evidence and loading."""

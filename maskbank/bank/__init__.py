"""The mask bank: making, storing and querying masks; scores built from them."""

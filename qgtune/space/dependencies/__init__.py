"""Values that follow other values: the mapping, and the resolvers that hold it."""

"""What an IdTable is made of: keys, builds, the arrays they give, and their check."""

"""What a PrefixTable is made of: a reader of keys and an engine for each kind of prefix."""

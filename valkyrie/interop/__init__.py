"""Files in and out: read keys and payload, route a file as a stream."""

from valkyrie.interop.files import ReadOptions, RoutedFile, read_table, route_file

__all__ = ["ReadOptions", "RoutedFile", "read_table", "route_file"]

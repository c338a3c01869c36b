"""The protocol's frames as data: structs, codec, profiles, codes and errors. Pure."""

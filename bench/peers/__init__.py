"""The same campaign in other libraries: each loop as its users write it, in a file of its own."""

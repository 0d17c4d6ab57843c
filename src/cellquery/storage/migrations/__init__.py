"""How a database of any past version becomes one of this version."""

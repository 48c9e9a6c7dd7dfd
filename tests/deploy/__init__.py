"""What is shipped beside the packages: the unit, the compose file and the variables that images are given."""

"""Kill the program at every place where it matters, let it recover, and compare with a run that nobody disturbed."""

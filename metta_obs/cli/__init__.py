"""The command line `metta datadog …`: parsing, printing, exit codes. Not here: anything that a command computes."""

"""The commands of `enroute`, one file each."""

"""The command: options in, reports and exit codes out.

It may use every other room, and none of them uses it.
"""

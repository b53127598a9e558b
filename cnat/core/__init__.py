"""What is decided, and nothing else: Ats, Pods, schedules, statuses, and what to do next.

Pure: no input, no output, no clock. It may use the standard library and dateutil only.
"""

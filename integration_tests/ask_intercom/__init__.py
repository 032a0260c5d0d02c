"""Asks a real test workspace what nobody knows about Intercom: `make ask-intercom`.

A development tool, no part of the connector. Each question is a few calls on things that the program made itself; what
comes is told as a setting of the emulator. `wire` makes a call, `workspace` owns what was made and refuses to write
anything else, `journal` remembers it, `cleanup` takes it away, `questions` holds the questions, `run` asks them, and
`report` writes what came.
"""

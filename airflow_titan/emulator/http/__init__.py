"""The one port: a server that keeps connections open, and the way of a request to the service that it is signed for.

It may enter nothing else of the emulator; every service enters it.
"""

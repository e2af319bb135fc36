"""Image files: what their own bytes say, read without decoding pixels, and pictures as files.

It may enter nothing else of the emulator but its errors.
"""
